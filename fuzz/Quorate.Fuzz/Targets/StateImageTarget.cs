using System.Buffers.Binary;
using Quorate.Core;
using Quorate.Crypto;
using Quorate.Log;
using Quorate.Log.Images;
using Quorate.Log.Indexing;
using Quorate.Log.Storage;

namespace Quorate.Fuzz.Targets;

/// <summary>
/// A state image over empty columns, with its hashes put right so that what is behind them is reached: it is restored whole or refused as malformed.
/// </summary>
sealed class StateImageTarget : IFuzzTarget
{
    const int TableOffset = 248;
    const int PlaceSize = 48;

    static readonly LogIdentity s_identity = Identity();

    public string Name => "state-image";

    public IEnumerable<byte[]> Seeds => [Image(0), Image(64), new byte[ImageHeader.Size]];

    public void Run(ReadOnlySpan<byte> input)
    {
        var folder = Directory.CreateTempSubdirectory("quorate-fuzz-");
        try
        {
            using var storage = WriteAheadStorage.Open(folder.FullName, s_identity.Id);
            using var state = new LogState(s_identity, storage, tracksUnheldValues: true);
            var bytes = input.ToArray();
            PutHashesRight(bytes);
            File.WriteAllBytes(state.Folder!.ImagePath, bytes);
            try
            {
                using var image = StateImage.Open(state.Folder, s_identity.Id.ToDigest());
                state.Restore(image!);
                FuzzException.ThrowUnless(state.Tree.Size == image!.Header.Head.TreeSize, "a restored tree has another size");
            }
            catch (MalformedException)
            {
                // Refused.
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    static void PutHashesRight(byte[] image)
    {
        if (image.Length < ImageHeader.Size)
        {
            return;
        }
        for (var i = 0; i < ImageHeader.SectionCount; i++)
        {
            var place = image.AsSpan(TableOffset + i * PlaceSize, PlaceSize);
            var offset = BinaryPrimitives.ReadInt64LittleEndian(place);
            var length = BinaryPrimitives.ReadInt64LittleEndian(place[8..]);
            if (offset >= 0 && length >= 0 && offset <= image.Length && length <= image.Length - offset)
            {
                Sha256Digest.HashData(image.AsSpan((int)offset, (int)length)).CopyTo(place[16..]);
            }
        }
        var hashed = ImageHeader.Size - Sha256Digest.Size;
        Sha256Digest.HashData(image.AsSpan(0, hashed)).CopyTo(image.AsSpan(hashed));
    }

    static LogIdentity Identity()
    {
        using var key = Ed25519PrivateKey.FromSeed(new byte[Ed25519PrivateKey.SeedSize]);
        return new LogIdentity(Protocol.Nix, key.PublicKey);
    }

    /// <summary>Eleven sections of so many bytes each.</summary>
    static byte[] Image(int length)
    {
        var sections = new SectionPlace[ImageHeader.SectionCount];
        for (var i = 0; i < sections.Length; i++)
        {
            sections[i] = new SectionPlace(ImageHeader.Size + i * length, length, default);
        }
        var head = new LogHead(default, 2, default, default, 2, new byte[64]);
        var header = new ImageHeader(s_identity.Id.ToDigest(), new FramePosition(112), head, 2, 0, sections).Write();
        return [.. header, .. new byte[sections.Length * length]];
    }
}
