using System.CommandLine;
using Quorate.Cli.Rendering;

namespace Quorate.Cli.Commands;

/// <summary><c>quorate completion</c>: scripts that ask the program itself, so that they never go stale.</summary>
static class CompletionCommand
{
    public static Command Build(CliHost host)
    {
        var shell = new Argument<string>("SHELL") { Description = "bash, zsh or fish" };
        var json = CommandLine.Json();
        shell.AcceptOnlyFromAmong("bash", "zsh", "fish");
        var command = new Command("completion", "Print a shell's completion script") { shell, json };
        command.Teach(
            "",
            "bash:  quorate completion bash > ~/.local/share/bash-completion/completions/quorate",
            "zsh:   quorate completion zsh > ~/.zfunc/_quorate",
            "fish:  quorate completion fish > ~/.config/fish/completions/quorate.fish"
        );
        command.SetAction(
            async (parse, _) =>
            {
                var name = parse.GetRequiredValue(shell);
                if (parse.GetValue(json))
                {
                    await host.WriteJsonAsync(w =>
                    {
                        w.WriteString("shell", name);
                        w.WriteString("script", Script(name));
                    });
                }
                else
                {
                    await host.Out.WriteAsync(Script(name));
                }
                return ExitCode.Ok;
            }
        );
        return command;
    }

    internal static string Script(string shell) =>
        shell switch
        {
            "bash" => """
                # bash completion for quorate
                _quorate() {
                    local line="${COMP_LINE:0:COMP_POINT}" word="${COMP_WORDS[COMP_CWORD]}"
                    local suggestions
                    suggestions="$(quorate "[suggest:${#line}]" "$line" 2>/dev/null)"
                    mapfile -t COMPREPLY < <(compgen -W "$suggestions" -- "$word")
                    # Nothing of ours fits: offer files, for store paths and key files.
                    [ "${#COMPREPLY[@]}" -gt 0 ] || mapfile -t COMPREPLY < <(compgen -f -- "$word")
                }
                complete -o filenames -F _quorate quorate

                """,
            "zsh" => """
                #compdef quorate
                # zsh completion for quorate
                _quorate() {
                    local -a suggestions
                    local line="${(j: :)words[1,CURRENT]}"
                    suggestions=("${(@f)$(quorate "[suggest:${#line}]" "$line" 2>/dev/null)}")
                    compadd -a suggestions
                    _files
                }
                compdef _quorate quorate

                """,
            _ => """
                # fish completion for quorate
                function __quorate_complete
                    set -l line (commandline -cp)
                    quorate "[suggest:"(string length -- "$line")"]" "$line" 2>/dev/null
                end
                complete -c quorate -a '(__quorate_complete)'

                """,
        };
}
