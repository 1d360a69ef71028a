using System.Text;
using Quorate.Core.Files;

namespace Quorate.Cli.Hook;

/// <summary>
/// The program that <c>post-build-hook</c> names. Nix runs exactly one program without arguments, so everything is written into a shell script. It
/// carries its options in comments too, for <c>quorate nix hook status</c>.
/// </summary>
/// <param name="Options">Without a value where it is a flag.</param>
sealed record HookWrapper(IReadOnlyList<string> Program, string? DotnetRoot, IReadOnlyList<KeyValuePair<string, string?>> Options)
{
    const string Mark = "# quorate-post-build-hook 1";
    const string OptionMark = "#: ";

    public string Text()
    {
        var text = new StringBuilder("#!/bin/sh\n");
        text.Append(Mark).Append('\n');
        text.Append(
            "# Written by `quorate nix hook install`; run that again to change it. Whatever happens here, the build goes on: exit status 0.\n"
        );
        foreach (var (name, value) in Options)
        {
            text.Append(OptionMark).Append(Word(name, value)).Append('\n');
        }
        // Run by hand without anything to say: then nothing needs to be started at all.
        text.Append("[ -n \"${OUT_PATHS:-}${DRV_PATH:-}$*\" ] || exit 0\n");
        if (DotnetRoot is not null)
        {
            text.Append("DOTNET_ROOT=").Append(Quote(DotnetRoot)).Append("\nexport DOTNET_ROOT\n");
        }
        text.Append(string.Join(' ', Program.Select(Quote))).Append(" nix hook run");
        foreach (var (name, value) in Options)
        {
            text.Append(" \\\n  ").Append(Quote(Word(name, value)));
        }
        return text.Append(" \"$@\"\nexit 0\n").ToString();
    }

    /// <summary>Reads the options back; null when the text is not a wrapper of ours.</summary>
    public static IReadOnlyList<string>? OptionsOf(string text)
    {
        var lines = text.Split('\n');
        return lines.Length > 2 && lines[1] == Mark
            ? [.. lines.Where(l => l.StartsWith(OptionMark, StringComparison.Ordinal)).Select(l => l[OptionMark.Length..])]
            : null;
    }

    /// <summary>Writes the script 0755, whole or not at all. A file that is not a wrapper of ours is never overwritten.</summary>
    /// <exception cref="IOException">The file is somebody else's work, or cannot be written.</exception>
    public void Install(string path)
    {
        if (File.Exists(path) && OptionsOf(File.ReadAllText(path)) is null)
        {
            throw new IOException($"{path} exists and is not a hook of ours; remove it or choose another --path");
        }
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        const UnixFileMode Executable = (UnixFileMode)0b111_101_101;
        DurableFile.Replace(path, Encoding.UTF8.GetBytes(Text()), Executable);
        // The umask may have taken bits that Nix's daemon needs.
        File.SetUnixFileMode(path, Executable);
    }

    static string Word(string name, string? value) => value is null ? name : $"{name}={value}";

    /// <summary>A value on one line that no shell interprets.</summary>
    static string Quote(string word) => "'" + word.Replace("'", "'\\''", StringComparison.Ordinal) + "'";

    /// <summary>This program, by absolute path: the application host, or <c>dotnet quorate.dll</c> when run by that.</summary>
    public static IReadOnlyList<string> ThisProgram()
    {
        var process = Environment.ProcessPath ?? throw new IOException("cannot tell where this program is");
        return Path.GetFileName(process) is "dotnet" ? [process, Path.Combine(AppContext.BaseDirectory, "quorate.dll")] : [process];
    }
}
