using Quorate.Core;
using Quorate.Log;
using Quorate.Log.Storage;

namespace Quorate.Fuzz.Targets;

/// <summary>The payload of a frame: what is accepted must be what writing its content again gives.</summary>
sealed class LogFrameTarget : IFuzzTarget
{
    public string Name => "log-frame";

    public IEnumerable<byte[]> Seeds =>
        [
            Payload(FrameKind.Head, 2, withLeaves: true),
            Payload(FrameKind.Head, 1, withLeaves: true, withCheckpoint: true),
            Payload(FrameKind.Fetched, 1, withLeaves: false),
            Payload(FrameKind.Values, 0, false),
        ];

    public void Run(ReadOnlySpan<byte> input)
    {
        var payload = input.ToArray();
        if (!LogFrame.TryRead(payload, out var frame, out _))
        {
            return;
        }
        var entries = new List<FrameEntry>();
        foreach (var item in frame!)
        {
            var at = item.Offset + (int)item.Record.ValueDistance;
            // Also where early versions wrote no bytes under a digest of some: what is written is a length.
            ReadOnlyMemory<byte>? value =
                item.Record.ValueLength != LogFrame.NoValue ? payload.AsMemory(at, (int)item.Record.ValueLength) : null;
            entries.Add(new FrameEntry(item.Key, item.Record.Digest, value));
        }
        var again = new byte[LogFrame.Size(frame.Kind, frame.MapHistoryLeaves.Length, entries, frame.CheckpointSignature)];
        var offsets = new int[entries.Count];
        LogFrame.Write(
            again,
            frame.Kind,
            frame.FirstIndex,
            frame.Time,
            frame.Head,
            frame.MapHistoryLeaves,
            entries,
            offsets,
            frame.CheckpointSignature
        );
        FuzzException.ThrowUnless(again.AsSpan().SequenceEqual(input), "an accepted payload is not what its content is written as");
    }

    static byte[] Payload(FrameKind kind, int count, bool withLeaves, bool withCheckpoint = false)
    {
        var zero = Sha256Digest.Zero;
        var entries = Enumerable
            .Range(0, count)
            .Select(i => new FrameEntry(new byte[i], zero, i == 0 ? "value"u8.ToArray() : null))
            .ToList();
        var head = kind == FrameKind.Head ? new LogHead(zero, (ulong)count, zero, zero, 1, new byte[64]) : null;
        Sha256Digest[] leaves = withLeaves ? [zero] : [];
        var signature = withCheckpoint ? new byte[LogFrame.CheckpointSignatureSize] : [];
        var payload = new byte[LogFrame.Size(kind, leaves.Length, entries, signature)];
        LogFrame.Write(payload, kind, 0, DateTimeOffset.UnixEpoch, head, leaves, entries, new int[count], signature);
        return payload;
    }
}

/// <summary>A whole segment file: opening it gives frames, a repair or a typed refusal, and opening it again after a repair gives the same frames.</summary>
sealed class WriteAheadFileTarget : IFuzzTarget
{
    static readonly LogId s_log = LogIdOfZeros();

    public string Name => "write-ahead-file";

    public IEnumerable<byte[]> Seeds => [Segment(3), Segment(1), Segment(0)];

    public void Run(ReadOnlySpan<byte> input)
    {
        var folder = Directory.CreateTempSubdirectory("quorate-fuzz-");
        try
        {
            File.WriteAllBytes(Path.Combine(folder.FullName, "00000000.wal"), input.ToArray());
            if (TryCount(folder.FullName, out var frames))
            {
                FuzzException.ThrowUnless(TryCount(folder.FullName, out var again) && again == frames, "a repaired file reads differently");
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    static bool TryCount(string folder, out int frames)
    {
        frames = 0;
        try
        {
            using var storage = WriteAheadStorage.Open(folder, s_log);
            frames = storage.ReadFrames().Count();
            return true;
        }
        catch (LogDamagedException)
        {
            return false;
        }
    }

    static byte[] Segment(int frames)
    {
        var salt = new byte[WriteAheadFormat.SaltSize];
        var header = new byte[WriteAheadFormat.SegmentHeaderSize];
        WriteAheadFormat.WriteSegmentHeader(header, new SegmentHeader(0, 0, Sha256Digest.Zero, salt));
        var file = new List<byte>(header);
        for (var i = 0; i < frames; i++)
        {
            var frame = new byte[WriteAheadFormat.FrameHeaderSize];
            WriteAheadFormat.WriteFrameHeader(frame, (ulong)i, "payload"u8, salt);
            file.AddRange(frame);
            file.AddRange("payload"u8);
        }
        return [.. file];
    }

    static LogId LogIdOfZeros() => LogId.TryParse(new string('0', 64), out var id) ? id : throw new InvalidOperationException();
}
