using Quorate.Core;
using Quorate.Log.Tiles;

namespace Quorate.Log.Portable;

/// <summary>Names of a portable directory: as <c>/logs/&lt;id&gt;/…</c> serves them, and three that only matter in a file system.</summary>
static class PortableFiles
{
    /// <summary>Whose log it is; the same file as in a log's own folder.</summary>
    internal const string Identity = LogIdentityFile.FileName;

    /// <summary>Leaf hashes of the map-history log, 32 bytes each: known also where the heads are not.</summary>
    internal const string MapHistory = "map-history";

    /// <summary>Written last: a directory without it was never finished.</summary>
    internal const string Head = "head";

    internal const string Checkpoint = "checkpoint";
    internal const string Origin = LogOrigin.FileName;
    internal const string VerifierKey = "vkey";

    internal static string ValuesPath(TileNumber number) => $"values/{number}";

    internal static string HeadsPath(TileNumber number) => $"heads/{number}";

    internal static string ValuePath(in Sha256Digest digest) => $"value/{digest}";

    internal static void Write(string folder, string path, ReadOnlySpan<byte> bytes)
    {
        var full = Path.Combine(folder, path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        using var file = File.OpenHandle(full, FileMode.CreateNew, FileAccess.Write);
        RandomAccess.Write(file, bytes, 0);
    }

    /// <summary>A whole file of at most <paramref name="limit"/> bytes.</summary>
    /// <exception cref="PortableLogException">It is missing, or longer.</exception>
    internal static byte[] Read(string folder, string path, long limit)
    {
        var full = Path.Combine(folder, path);
        if (!File.Exists(full))
        {
            throw new PortableLogException($"{full}: missing");
        }
        using var file = File.OpenHandle(full);
        var length = RandomAccess.GetLength(file);
        if (length > limit)
        {
            throw new PortableLogException($"{full}: {length} bytes, where at most {limit} can be");
        }
        var bytes = new byte[length];
        for (var got = 0; got < bytes.Length; )
        {
            var read = RandomAccess.Read(file, bytes.AsSpan(got), got);
            got += read > 0 ? read : throw new PortableLogException($"{full}: ends before its length");
        }
        return bytes;
    }
}

/// <summary>A portable directory is not what was exported, or must not be imported. Names the file.</summary>
public sealed class PortableLogException(string message) : IOException(message);
