using System.Security.Cryptography;
using Quorate.Core;
using Quorate.Core.Files;

namespace Quorate.Crypto.Keys;

/// <summary>Reads and writes small files that hold a secret.</summary>
static class SecretFile
{
    const int MaxLength = 16 * 1024;

    const UnixFileMode OthersMayRead = UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    /// <summary>Reads the file, hands its bytes to <paramref name="parse"/>, and wipes them.</summary>
    /// <param name="readableByOthers">Whether group or others may read the file.</param>
    /// <exception cref="MalformedException">The file is too long, or <paramref name="parse"/> says so.</exception>
    public static T Read<T>(string path, Func<ReadOnlySpan<byte>, T> parse, out bool readableByOthers)
    {
        // Pinned, so that the collector leaves no copy behind.
        var buffer = GC.AllocateArray<byte>(MaxLength + 1, pinned: true);
        try
        {
            using var stream = new FileStream(path, new FileStreamOptions { Access = FileAccess.Read, BufferSize = 0 });
            readableByOthers = (File.GetUnixFileMode(stream.SafeFileHandle) & OthersMayRead) != UnixFileMode.None;
            var length = stream.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
            return length <= MaxLength
                ? parse(buffer.AsSpan(0, length))
                : throw new MalformedException($"{path} is longer than {MaxLength} bytes, so it is not a key");
        }
        finally
        {
            CryptographicOperations.ZeroMemory(buffer);
        }
    }

    /// <summary>Writes a new file of mode 0600.</summary>
    /// <exception cref="IOException">The file exists already; a key is never overwritten.</exception>
    public static void Create(string path, ReadOnlySpan<byte> content) => DurableFile.Create(path, content, DurableFile.Private);
}
