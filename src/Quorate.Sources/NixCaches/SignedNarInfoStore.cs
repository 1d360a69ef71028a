using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using Quorate.Core.Files;
using Quorate.Nix;

namespace Quorate.Sources.NixCaches;

/// <summary>
/// Signed narinfo files on disk, as they came, each below a line that says when it was first seen:
/// <c>FOLDER/HH/HASH.narinfo</c>, HH being the hash part's first two characters. Hash parts are uniform, so a limit per HH folder bounds
/// the whole. Nothing that is read is believed before its signature is checked again.
/// </summary>
sealed class SignedNarInfoStore
{
    /// <summary>1,024 folders of this many files: about 100,000 files.</summary>
    const int MaxFilesPerFolder = 100;

    const string FirstSeenField = "FirstSeen: ";

    readonly string _folder;
    readonly string _storeDir;

    public SignedNarInfoStore(string folder, string storeDir)
    {
        _folder = folder;
        _storeDir = storeDir;
        // Names of store paths tell what somebody runs.
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    /// <summary>The last failure to write, for operators; null when the last write was good.</summary>
    public string? Fault { get; private set; }

    /// <summary>False when nothing usable is kept; a damaged file counts as nothing.</summary>
    public bool TryLoad(string hashPart, [NotNullWhen(true)] out NarInfo? info, out DateTimeOffset firstSeen)
    {
        info = null;
        firstSeen = default;
        byte[] bytes;
        try
        {
            using var file = new FileStream(PathOf(hashPart), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1);
            if (file.Length > NarInfo.MaxBytes + 64)
            {
                return false;
            }
            bytes = new byte[file.Length];
            file.ReadExactly(bytes);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
        var end = bytes.AsSpan().IndexOf((byte)'\n');
        if (end < FirstSeenField.Length || end > 40)
        {
            return false;
        }
        var line = Encoding.ASCII.GetString(bytes, 0, end);
        if (
            !line.StartsWith(FirstSeenField, StringComparison.Ordinal)
            || !long.TryParse(line.AsSpan(FirstSeenField.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var milliseconds)
            || milliseconds > DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()
            || !NarInfo.TryParse(bytes.AsSpan(end + 1), _storeDir, out info, out _)
            || info.StorePath.HashPart != hashPart
        )
        {
            info = null;
            return false;
        }
        firstSeen = DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);
        return true;
    }

    /// <summary>Keeps a file. A full or broken disk costs memory of the past, not the decision that needs the file now.</summary>
    public void Keep(string hashPart, ReadOnlySpan<byte> narInfo, DateTimeOffset firstSeen)
    {
        var path = PathOf(hashPart);
        try
        {
            var folder = Path.GetDirectoryName(path)!;
            Directory.CreateDirectory(folder);
            MakeRoom(folder);
            DurableFile.Replace(
                path,
                [.. Encoding.ASCII.GetBytes($"{FirstSeenField}{firstSeen.ToUnixTimeMilliseconds()}\n"), .. narInfo],
                DurableFile.Private
            );
            Fault = null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Fault = $"{path}: {e.Message}";
        }
    }

    static void MakeRoom(string folder)
    {
        var files = new DirectoryInfo(folder).GetFiles();
        foreach (var file in files.OrderBy(file => file.LastWriteTimeUtc).Take(Math.Max(0, files.Length - MaxFilesPerFolder + 1)))
        {
            file.Delete();
        }
    }

    string PathOf(string hashPart) => Path.Combine(_folder, hashPart[..2], BinaryCacheNames.NarInfo(hashPart));
}
