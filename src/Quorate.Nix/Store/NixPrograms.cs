namespace Quorate.Nix.Store;

/// <summary>Where the programs of a Nix installation are.</summary>
public static class NixPrograms
{
    /// <summary>Absolute path of a program on <c>$PATH</c> or in the places where Nix puts itself; null when it is in none.</summary>
    public static string? Find(string name, Func<string, string?> environment) =>
        (environment("PATH") ?? "")
            .Split(':', StringSplitOptions.RemoveEmptyEntries)
            .Concat(["/run/current-system/sw/bin", "/nix/var/nix/profiles/default/bin", "/usr/bin"])
            .Where(Path.IsPathRooted)
            .Select(folder => Path.Combine(folder, name))
            .FirstOrDefault(File.Exists);
}
