using Quorate.Cli;
using Quorate.Cli.Hook;

// The hook runs once per build: nothing that it does not need is loaded before it.
if (args is ["nix", "hook", "run", ..])
{
    return await HookProgram.RunAsync(args[3..]);
}
return await CommandLine.RunAsync(args, CliHost.System(), CancellationToken.None);
