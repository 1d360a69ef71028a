using FsCheck;
using FsCheck.Fluent;
using Quorate.Core;
using Quorate.Log;
using Quorate.Log.Storage;
using Xunit;

namespace Quorate.Tests.Log;

public sealed class LogFrameTests
{
    [Fact]
    public void TryRead_of_what_Write_made_gives_it_back()
    {
        Prop.ForAll<byte[][], byte[]>(
                (keys, withValue) =>
                {
                    var entries = keys.Select(
                            (key, i) =>
                                new FrameEntry(
                                    key ?? [],
                                    Sha256Digest.HashData(key ?? []),
                                    withValue.Length > 0 && withValue[i % withValue.Length] > 127 ? new byte[i] : null
                                )
                        )
                        .ToList();
                    var payload = Payload(FrameKind.Fetched, entries);
                    Assert.True(LogFrame.TryRead(payload, out var frame, out _));
                    var read = new List<FrameEntry>();
                    foreach (var item in frame!)
                    {
                        var at = item.Offset + (int)item.Record.ValueDistance;
                        ReadOnlyMemory<byte>? value = item.Record.HasValue ? payload.AsMemory(at, (int)item.Record.ValueLength) : null;
                        read.Add(new FrameEntry(item.Key, item.Record.Digest, value));
                    }
                    return entries.Count == read.Count
                        && entries
                            .Zip(read)
                            .All(pair =>
                                pair.First.Digest == pair.Second.Digest
                                && pair.First.Key.Span.SequenceEqual(pair.Second.Key.Span)
                                && pair.First.Value.HasValue == pair.Second.Value.HasValue
                                && (pair.First.Value is not { } v || v.Span.SequenceEqual(pair.Second.Value!.Value.Span))
                            );
                }
            )
            .QuickCheckThrowOnFailure();
    }

    [Fact]
    public void TryRead_of_any_bytes_never_throws()
    {
        var whole = Payload(FrameKind.Head, [new FrameEntry("key"u8.ToArray(), Sha256Digest.Zero, "value"u8.ToArray())]);
        Prop.ForAll<byte[], ushort>(
                (patch, at) =>
                {
                    _ = LogFrame.TryRead(patch, out _, out _);
                    var patched = whole.ToArray();
                    patch
                        .AsSpan(0, Math.Min(patch.Length, patched.Length - at % patched.Length))
                        .CopyTo(patched.AsSpan(at % patched.Length));
                    var ok = LogFrame.TryRead(patched, out var frame, out _);
                    return ok == frame is not null;
                }
            )
            .QuickCheckThrowOnFailure();
    }

    [Fact]
    public void TryRead_of_a_cut_or_longer_payload_is_refused()
    {
        var whole = Payload(FrameKind.Head, [new FrameEntry("key"u8.ToArray(), Sha256Digest.Zero, "value"u8.ToArray())]);
        Assert.True(LogFrame.TryRead(whole, out _, out _));
        Assert.False(LogFrame.TryRead((byte[])[.. whole, 0], out _, out _));
        for (var length = 0; length < whole.Length; length++)
        {
            Assert.False(LogFrame.TryRead(whole.AsMemory(0, length), out _, out _));
        }
    }

    static byte[] Payload(FrameKind kind, List<FrameEntry> entries)
    {
        var zero = Sha256Digest.Zero;
        var head = kind == FrameKind.Head ? new LogHead(zero, (ulong)entries.Count, zero, zero, 1, new byte[64]) : null;
        Sha256Digest[] leaves = [zero];
        var payload = new byte[LogFrame.Size(kind, leaves.Length, entries)];
        LogFrame.Write(payload, kind, 0, DateTimeOffset.UnixEpoch, head, leaves, entries, new int[entries.Count]);
        return payload;
    }
}
