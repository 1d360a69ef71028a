using Quorate.Core;
using Quorate.Crypto;
using Quorate.Log;
using Quorate.Log.Portable;

namespace Quorate.Fuzz.Targets;

/// <summary>A head as JSON: what is accepted is read the same from what is written of it.</summary>
sealed class HeadJsonTarget : IFuzzTarget
{
    public string Name => "head-json";

    public IEnumerable<byte[]> Seeds =>
        [HeadJson.Write(new LogHead(Sha256Digest.Zero, 7, Sha256Digest.Zero, Sha256Digest.Zero, 3, new byte[64]))];

    public void Run(ReadOnlySpan<byte> input)
    {
        if (HeadJson.TryRead(input.ToArray()) is { } head)
        {
            FuzzException.ThrowUnless(head.Equals(HeadJson.TryRead(HeadJson.Write(head))), "a head is not read as it was written");
        }
    }
}

/// <summary>The file that says whose log a folder is: one spelling for each identity.</summary>
sealed class LogIdentityFileTarget : IFuzzTarget
{
    public string Name => "log-identity";

    public IEnumerable<byte[]> Seeds
    {
        get
        {
            using var key = Ed25519PrivateKey.FromSeed(new byte[Ed25519PrivateKey.SeedSize]);
            return [System.Text.Encoding.UTF8.GetBytes(LogIdentityFile.Format(new LogIdentity(Protocol.Test, key.PublicKey)))];
        }
    }

    public void Run(ReadOnlySpan<byte> input)
    {
        if (LogIdentityFile.TryParse(input) is { } identity)
        {
            FuzzException.ThrowUnless(
                System.Text.Encoding.UTF8.GetBytes(LogIdentityFile.Format(identity)).AsSpan().SequenceEqual(input),
                "an identity has two spellings"
            );
        }
    }
}

/// <summary>A slot of the record of what was signed.</summary>
sealed class SignedStateTarget : IFuzzTarget
{
    static readonly Sha256Digest s_log = Sha256Digest.Zero;

    public string Name => "signed-state";

    public IEnumerable<byte[]> Seeds
    {
        get
        {
            var record = new byte[264];
            SignedState.WriteRecord(record, 1, s_log, new LogHead(s_log, 7, s_log, s_log, 3, new byte[64]));
            return [record];
        }
    }

    public void Run(ReadOnlySpan<byte> input)
    {
        if (SignedState.TryReadRecord(input, s_log, out var counter, out var head))
        {
            var again = new byte[264];
            SignedState.WriteRecord(again, counter, s_log, head!);
            FuzzException.ThrowUnless(
                again.AsSpan().SequenceEqual(input[..again.Length]),
                "a record is not what its content is written as"
            );
        }
    }
}
