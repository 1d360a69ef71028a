using System.Text;
using Quorate.Core.Files;

namespace Quorate.Log.Tiles;

/// <summary>
/// The origin of a published log, kept in the file <c>origin</c> of its folder (docs/formats/write-ahead.md). Witnesses know the log by it: one that
/// changed would look like another log.
/// </summary>
static class LogOrigin
{
    internal const string FileName = "origin";

    /// <summary>Reads the origin, or writes it down for a log that has none yet.</summary>
    /// <param name="folder">Null for a storage without one.</param>
    /// <exception cref="LogOriginException">The configured origin cannot be one, or is another than the stored one.</exception>
    internal static string Establish(PublishedLogOptions options, string? folder)
    {
        var wanted = Wanted(options);
        if (folder is null)
        {
            return wanted;
        }
        var path = Path.Combine(folder, FileName);
        if (!File.Exists(path))
        {
            DurableFile.Create(path, Encoding.UTF8.GetBytes(wanted + "\n"), DurableFile.Private);
            return wanted;
        }
        return Agreed(options, Read(path, folder));
    }

    /// <summary>The origin that a log gets at its creation.</summary>
    /// <exception cref="LogOriginException">The configured origin cannot be one.</exception>
    internal static string Wanted(PublishedLogOptions options)
    {
        var log = options.Identity.Id;
        var wanted = options.Origin ?? options.DefaultOrigin ?? $"logs/{log}";
        if (!Checkpoint.IsOrigin(wanted))
        {
            throw new LogOriginException(
                $"log {log}: '{wanted}' cannot be an origin; it has 1 to {Checkpoint.MaxOriginBytes} bytes, no spaces and no plus sign, like log.example/logs/a"
            );
        }
        return wanted;
    }

    /// <summary>The origin that the log has, unless the configuration states another one.</summary>
    internal static string Agreed(PublishedLogOptions options, string stored) =>
        options.Origin is null || stored == options.Origin
            ? stored
            : throw new LogOriginException(
                $"log {options.Identity.Id} was created with the origin '{stored}', which cannot change; the configuration says '{options.Origin}'. Set it back, or start a log with a new key"
            );

    /// <summary>The origin that a log's folder states; null where it states none that can be one.</summary>
    internal static string? TryRead(string folder)
    {
        var path = Path.Combine(folder, FileName);
        try
        {
            return File.Exists(path) ? Read(path, folder) : null;
        }
        catch (Storage.LogDamagedException)
        {
            return null;
        }
    }

    static string Read(string path, string folder)
    {
        using var file = File.OpenHandle(path);
        Span<byte> bytes = stackalloc byte[Checkpoint.MaxOriginBytes + 2];
        var length = RandomAccess.Read(file, bytes, 0);
        var text = Encoding.UTF8.GetString(bytes[..length]);
        return text.EndsWith('\n') && Checkpoint.IsOrigin(text[..^1])
            ? text[..^1]
            : throw new Storage.LogDamagedException($"{path} does not hold one line with an origin", folder);
    }
}

/// <summary>A log is to be opened with another origin than its own, or with one that none can have.</summary>
public sealed class LogOriginException(string message) : InvalidOperationException(message);
