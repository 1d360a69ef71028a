using System.Security.Cryptography;
using System.Text;
using Quorate.Core;
using Quorate.Nix;
using Quorate.Nix.Publishing;
using Quorate.Sources.Control;
using Quorate.Sources.Spool;
using Quorate.Sources.Views;

namespace Quorate.Fuzz.Targets;

/// <summary>What lies in the hook's spool; anybody with the node's user id may have written it.</summary>
sealed class SpoolBatchTarget : IFuzzTarget
{
    public string Name => "spool-batch";

    public IEnumerable<byte[]> Seeds =>
        [
            new SpoolBatch("alice", [new SpoolItem("key"u8.ToArray(), "value"u8.ToArray(), "/nix/store/x.drv")]).Encode(),
            new SpoolBatch("", [new SpoolItem(ReadOnlyMemory<byte>.Empty, ReadOnlyMemory<byte>.Empty, null)]).Encode(),
        ];

    public void Run(ReadOnlySpan<byte> input)
    {
        var file = Resealed(input);
        if (SpoolBatch.TryDecode(file, out var batch, out _))
        {
            FuzzException.ThrowUnless(batch.Encode().AsSpan().SequenceEqual(file), "an accepted batch has another spelling");
        }
    }

    /// <summary>With the digest put right, without which nothing behind it would ever be read.</summary>
    internal static byte[] Resealed(ReadOnlySpan<byte> input)
    {
        const int Digest = 17;
        const int Body = Digest + 64 + 1;
        var file = input.ToArray();
        if (file.Length > Body)
        {
            Encoding.ASCII.GetBytes(Convert.ToHexStringLower(SHA256.HashData(file.AsSpan(Body)))).CopyTo(file, Digest);
        }
        return file;
    }
}

/// <summary>Bare paths in the spool, which decide what a node asks its Nix.</summary>
sealed class BarePathsTarget : IFuzzTarget
{
    const string Hello = "/nix/store/2ssxwm92ixmz5wdc4m5hrxbx8hgmn4q5-hello";

    public string Name => "bare-paths";

    public IEnumerable<byte[]> Seeds =>
        [
            new BarePaths("alice", DateTimeOffset.UnixEpoch, [StorePath.Parse(Hello)], null, ["/tmp/store", null], "/s", "/v").Encode(),
            new BarePaths("", DateTimeOffset.UnixEpoch, [], StorePath.Parse(Hello + ".drv"), [null], null, null).Encode(),
        ];

    public void Run(ReadOnlySpan<byte> input)
    {
        var file = SpoolBatchTarget.Resealed(input);
        if (BarePaths.TryDecode(file, out var paths, out _))
        {
            FuzzException.ThrowUnless(paths.Encode().AsSpan().SequenceEqual(file), "accepted paths have another spelling");
            FuzzException.ThrowUnless(paths.Stores.Count is > 0 and <= BarePaths.MaxStores, "more stores than are ever written");
        }
    }
}

/// <summary>A kept view, which decides what a build is said to be made from.</summary>
sealed class ViewRecordTarget : IFuzzTarget
{
    const string Hello = "/nix/store/2ssxwm92ixmz5wdc4m5hrxbx8hgmn4q5-hello";

    public string Name => "view-record";

    public IEnumerable<byte[]> Seeds =>
        [
            new ViewRecord(
                "/builds" + Hello,
                StorePath.Parse(Hello),
                Sha256Digest.Zero,
                Sha256Digest.Zero,
                Sha256Digest.Zero,
                DateTimeOffset.UnixEpoch,
                StorePath.Parse(Hello)
            ).Encode(),
        ];

    public void Run(ReadOnlySpan<byte> input)
    {
        var file = input.ToArray();
        const int Digest = 16;
        const int Body = Digest + 64 + 1;
        if (file.Length > Body)
        {
            // Without the right digest nothing behind it would ever be read.
            Encoding.ASCII.GetBytes(Convert.ToHexStringLower(SHA256.HashData(file.AsSpan(Body)))).CopyTo(file, Digest);
        }
        if (ViewRecord.TryDecode(file, out var record))
        {
            FuzzException.ThrowUnless(record.Encode().AsSpan().SequenceEqual(file), "an accepted record has another spelling");
            FuzzException.ThrowUnless(record.View.Name == record.Path.Name, "a view has another object's name");
        }
    }
}

/// <summary>A glob and a name, separated by a line feed.</summary>
sealed class NameGlobTarget : IFuzzTarget
{
    public string Name => "name-glob";

    public IEnumerable<byte[]> Seeds =>
        ["a*b*?\nabab"u8.ToArray(), "*\nhello-2.12"u8.ToArray(), "*a*a*a*a*a*b\naaaaaaaaaaaaaaaaaa"u8.ToArray()];

    public void Run(ReadOnlySpan<byte> input)
    {
        var text = Encoding.Latin1.GetString(input);
        var line = text.IndexOf('\n', StringComparison.Ordinal);
        var (pattern, name) = line < 0 ? (text, text) : (text[..line], text[(line + 1)..]);
        if (!NameGlob.TryParse(pattern, out var glob, out _))
        {
            return;
        }
        FuzzException.ThrowUnless(NameGlob.Parse("*").IsMatch(name), "a star does not match everything");
        FuzzException.ThrowUnless(
            !glob!.IsMatch(name) || !NameGlob.TryParse(pattern + "*", out var wider, out _) || wider!.IsMatch(name),
            "a longer net lets a name through"
        );
    }
}

/// <summary>An HTTP reply as the hook's own small client reads it.</summary>
sealed class RawReplyTarget : IFuzzTarget
{
    public string Name => "raw-http-reply";

    public IEnumerable<byte[]> Seeds =>
        [
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"u8.ToArray(),
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\n{\"a\r\n4\r\n\":1}\r\n0\r\n\r\n"u8.ToArray(),
        ];

    public void Run(ReadOnlySpan<byte> input)
    {
        try
        {
            var reply = RawControlTransport.Parse(input.ToArray());
            FuzzException.ThrowUnless(reply.Body.Length <= input.Length, "a reply has more bytes than came");
        }
        catch (IOException)
        {
            // The documented answer.
        }
    }
}
