namespace Quorate.Cli;

/// <summary>Reads files that somebody named, and that must not be large.</summary>
static class SmallFile
{
    /// <exception cref="CliException">The file is larger.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static byte[] Read(string path, int maxBytes)
    {
        using var file = File.OpenRead(path);
        var bytes = new byte[maxBytes + 1];
        var length = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        return length <= maxBytes ? bytes[..length] : throw new CliException($"{path} is larger than {maxBytes} bytes");
    }
}
