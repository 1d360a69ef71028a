using System.CommandLine;
using Quorate.Nix.Store;

namespace Quorate.Cli.Commands;

/// <summary><c>quorate nix …</c></summary>
static class NixCommands
{
    public static Command Build(CliHost host) =>
        new("nix", "Publish and check what Nix builds")
        {
            HookCommands.Build(host),
            SubmitClosureCommand.Build(host),
            NixSignCommand.Build(host),
            VerifyCommand.Build(host),
        };

    public static Option<string?> NixStoreOption() =>
        new("--nix-store") { Description = "The nix-store program to ask (default: the one on $PATH)", HelpName = "FILE" };

    public static Option<string?> StoreOption() =>
        new("--store") { Description = "The Nix store to ask (default: Nix's own choice)", HelpName = "URI" };

    /// <exception cref="CliException">There is no Nix.</exception>
    public static NixStore Store(CliHost host, string? program, string? store) => new(ProgramOf(host, program), store);

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
