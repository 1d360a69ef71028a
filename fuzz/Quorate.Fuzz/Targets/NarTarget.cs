using System.Buffers;
using System.Text;
using System.Text.Json;
using Quorate.Core;
using Quorate.Nix;
using Quorate.Nix.Nar;

namespace Quorate.Fuzz.Targets;

/// <summary>An archive that is accepted is the one spelling of its tree, however it arrives in pieces.</summary>
sealed class NarTarget : IFuzzTarget
{
    public string Name => "nix-nar";

    public IEnumerable<byte[]> Seeds
    {
        get
        {
            var output = new ArrayBufferWriter<byte>();
            var encoder = new NarEncoder(output);
            encoder.BeginFolder();
            encoder.Entry("a"u8);
            encoder.BeginFile(executable: true, 3);
            encoder.Contents("hi\n"u8);
            encoder.EndFile();
            encoder.Entry("b"u8);
            encoder.BeginFolder();
            encoder.EndFolder();
            encoder.Entry("c"u8);
            encoder.Link("/nix/store"u8);
            encoder.EndFolder();
            yield return output.WrittenSpan.ToArray();
        }
    }

    public void Run(ReadOnlySpan<byte> input)
    {
        var output = new ArrayBufferWriter<byte>();
        var reader = new NarReader(new NarEncoder(output));
        var cut = 1 + (input.IsEmpty ? 0 : input[0] & 31);
        try
        {
            for (var at = 0; at < input.Length; at += cut)
            {
                reader.Write(input.Slice(at, Math.Min(cut, input.Length - at)));
            }
            reader.Complete();
        }
        catch (MalformedException)
        {
            return;
        }
        FuzzException.ThrowUnless(output.WrittenSpan.SequenceEqual(input), "an accepted archive is written differently");
    }
}

/// <summary>Git's hash of an archive that is accepted does not depend on how it arrives.</summary>
sealed class GitHashTarget : IFuzzTarget
{
    public string Name => "nix-git-hash";

    public IEnumerable<byte[]> Seeds => new NarTarget().Seeds;

    public void Run(ReadOnlySpan<byte> input)
    {
        try
        {
            var whole = Hash(input, input.Length);
            FuzzException.ThrowUnless(whole.AsSpan().SequenceEqual(Hash(input, 7)), "the hash depends on the pieces");
        }
        catch (MalformedException)
        {
            // Refused, as most inputs are.
        }
    }

    static byte[] Hash(ReadOnlySpan<byte> input, int cut)
    {
        using var hash = ContentHasher.Create("sha1");
        var git = new GitHasher(new NarEncoder(new ArrayBufferWriter<byte>()), hash);
        var reader = new NarReader(git);
        while (!input.IsEmpty)
        {
            var piece = input[..Math.Min(cut, input.Length)];
            reader.Write(piece);
            input = input[piece.Length..];
        }
        reader.Complete();
        return git.Root;
    }
}

sealed class ContentAddressTarget : IFuzzTarget
{
    public string Name => "nix-content-address";

    public IEnumerable<byte[]> Seeds =>
        [
            "fixed:r:sha256:1bdjj7a639p2j2wfi72qpskkfg5w7f2n3xw9ksdjfvaghkzjrlvq"u8.ToArray(),
            """{"method":"nar","hash":"sha256-eNMs/4RPbSebnon3YYU7vDw3p75YnOi4kOKmYdSRsq0="}"""u8.ToArray(),
        ];

    public void Run(ReadOnlySpan<byte> input)
    {
        var text = Encoding.Latin1.GetString(input);
        if (ContentAddress.TryParse(text, out var fromText))
        {
            FuzzException.ThrowUnless(fromText.ToString() == text, "a content address prints differently");
        }
        if (ContentAddress.TryParseJson(input, out var address))
        {
            var output = new ArrayBufferWriter<byte>();
            using (var json = new Utf8JsonWriter(output))
            {
                address.WriteJson(json);
            }
            FuzzException.ThrowUnless(
                ContentAddress.TryParseJson(output.WrittenSpan, out var again) && again.Equals(address),
                "a content address does not read back from JSON"
            );
        }
    }
}
