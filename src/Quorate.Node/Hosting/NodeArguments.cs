using Quorate.Sources.Configuration;

namespace Quorate.Node.Hosting;

/// <summary>The command line of <c>quorated</c>. So few options that a parser of our own is shorter than the use of another.</summary>
sealed record NodeArguments(string Configuration, bool CheckConfiguration, bool Version, bool Help)
{
    const string DefaultConfiguration = "/etc/quorate/quorate.yaml";

    public const string HelpText = """
        quorated - the node of Quorate: publishes your builds in a signed log, follows the logs of
        builders that you chose, decides by your rule what may be installed, and serves it.

        Usage:
          quorated [--config FILE]                  run until SIGTERM or Ctrl-C
          quorated --check-config [--config FILE]   check the file, print a summary, exit 0 or 1

        Options:
          --config FILE    the configuration; default /etc/quorate/quorate.yaml
          --check-config   report every error as FILE:LINE:COLUMN: PATH: MESSAGE; starts nothing
          --version        print the version
          --help           this text

        Start here:
          quorate init --config quorate.yaml --state state    a key, a log, a commented configuration
          quorated --config quorate.yaml
          quorate log list --node unix://$PWD/state/control.socket    ask the running node

        A running node re-reads its configuration on SIGHUP (systemctl reload quorated). A file
        with errors changes nothing: the errors are logged and the old configuration stays.
        Exit status: 0 after an orderly end, 1 when the node could not start or the check failed,
        74 when the disk under a log of its own failed: started again, it reads what is there.

        Manual: docs/quorated.md, docs/configuration.md, docs/operations.md; of the Debian package in
        /usr/share/doc/quorate, of the tarball in share/doc/quorate

        """;

    public static bool TryParse(IReadOnlyList<string> arguments, out NodeArguments options, out string error)
    {
        options = new NodeArguments(DefaultConfiguration, CheckConfiguration: false, Version: false, Help: false);
        error = "";
        for (var i = 0; i < arguments.Count; i++)
        {
            switch (arguments[i])
            {
                case "--help" or "-h":
                    options = options with { Help = true };
                    break;
                case "--version":
                    options = options with { Version = true };
                    break;
                case "--check-config":
                    options = options with { CheckConfiguration = true };
                    break;
                case "--config" or "-c" when i + 1 < arguments.Count:
                    options = options with { Configuration = arguments[++i] };
                    break;
                case "--config" or "-c":
                    error = "--config needs a file";
                    return false;
                case var text when text.StartsWith("--config=", StringComparison.Ordinal) && text.Length > "--config=".Length:
                    options = options with { Configuration = text["--config=".Length..] };
                    break;
                case var text:
                    var known = new[] { "--config", "--check-config", "--version", "--help" };
                    error = $"unknown argument '{text}'{Nearest.Hint(text, known)}";
                    return false;
            }
        }
        return true;
    }
}
