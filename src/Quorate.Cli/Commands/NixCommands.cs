using System.CommandLine;
using Quorate.Nix.Store;

namespace Quorate.Cli.Commands;

/// <summary><c>quorate nix …</c></summary>
static class NixCommands
{
    static readonly CommandTable s_commands = new(
        ("hook", (host, _) => HookCommands.Build(host)),
        ("submit-closure", (host, _) => SubmitClosureCommand.Build(host)),
        ("sign", (host, _) => NixSignCommand.Build(host)),
        ("verify", (host, _) => VerifyCommand.Build(host))
    );

    public static Command Build(CliHost host, ReadOnlySpan<string> words)
    {
        var command = new Command("nix", "Publish and check what Nix builds");
        s_commands.AddTo(command, host, words);
        return command;
    }

    public static Option<string?> NixStoreOption() =>
        new("--nix-store") { Description = "The nix-store program to ask (default: the one on $PATH)", HelpName = "FILE" };

    public static Option<string?> StoreOption() =>
        new("--store") { Description = "The Nix store to ask (default: Nix's own choice)", HelpName = "URI" };

    /// <exception cref="CliException">There is no Nix.</exception>
    public static NixStore Store(CliHost host, string? program, string? store) => new(ProgramOf(host, program), store);

    public static bool HasNix(CliHost host, string? program) =>
        program is not null || NixPrograms.Find("nix-store", host.Variable) is not null;

    public static string ProgramOf(CliHost host, string? program)
    {
        if (program is not null)
        {
            return Path.GetFullPath(program);
        }
        return NixPrograms.Find("nix-store", host.Variable)
            ?? throw new CliException("nix-store is not on $PATH; install Nix (Debian: nix-bin) or name it with --nix-store");
    }
}
