using System.Text;
using Quorate.Core;
using Quorate.Log;
using Quorate.Log.Storage;
using Xunit;
using static Quorate.Tests.Log.LogExtensions;

namespace Quorate.Tests.Log.Durability;

/// <summary>A disk that changes bytes under an open log: a read gives what was written, or fails with the file's name.</summary>
public sealed class BitFlipTests : IDisposable
{
    static readonly string[] s_keys = ["first", "second", "third", ""];

    readonly LogFixture _fixture = new();

    string Segment => Path.Combine(_fixture.Folder, "00000000.wal");

    public void Dispose() => _fixture.Dispose();

    [Fact]
    public async Task Reads_beside_any_flipped_byte_give_what_was_written_or_name_the_file()
    {
        await using var log = await _fixture.OpenAsync();
        await log.SubmitAsync("first", "value");
        var head = (await log.SubmitAsync(Item("second", "x"), Item("third", "y"), Item("", ""))).Head;
        var good = await ReadAllAsync(log, head);
        var whole = await File.ReadAllBytesAsync(Segment, TestContext.Current.CancellationToken);
        var (refused, served) = (0, 0);
        for (var at = 0; at < whole.Length; at++)
        {
            foreach (var mask in (byte[])[0x01, 0x80, 0xff])
            {
                Put(at, (byte)(whole[at] ^ mask));
                for (var read = 0; read < good.Count; read++)
                {
                    try
                    {
                        var bytes = await ReadAsync(log, head, read);
                        // A value that is not found is not a wrong one: the length may have turned into the mark for none.
                        Assert.True(bytes is null || bytes.AsSpan().SequenceEqual(good[read]), $"read {read} with byte {at} changed");
                        served++;
                    }
                    catch (LogDamagedException e)
                    {
                        Assert.Contains("00000000.wal at offset", e.Message, StringComparison.Ordinal);
                        Assert.Contains($"quorate log fsck {_fixture.Folder}", e.Message, StringComparison.Ordinal);
                        refused++;
                    }
                }
            }
            Put(at, whole[at]);
        }
        Assert.True(refused > 1000 && served > 1000, $"{refused} refused, {served} served");
    }

    static async Task<List<byte[]>> ReadAllAsync(PublishedLog log, LogHead head)
    {
        var all = new List<byte[]>();
        for (var read = 0; read < 3 * s_keys.Length + 2; read++)
        {
            all.Add((await ReadAsync(log, head, read))!);
        }
        return all;
    }

    static async Task<byte[]?> ReadAsync(PublishedLog log, LogHead head, int read)
    {
        var key = Encoding.UTF8.GetBytes(s_keys[read % s_keys.Length]);
        return (read / s_keys.Length) switch
        {
            0 => [.. log.EntriesOf(key).SelectMany(Bytes)],
            1 => log.MapValue(key, head.MapRoot)!.Value.ToArray(),
            2 => (
                await log.ValueAsync(
                    Sha256Digest.HashData(Encoding.UTF8.GetBytes(((string[])["value", "x", "y", ""])[read % s_keys.Length])),
                    TestContext.Current.CancellationToken
                )
            )?.ToArray(),
            _ when read % s_keys.Length == 0 => [.. log.Entries(0, head.TreeSize - 1).SelectMany(Bytes)],
            _ => [.. log.InclusionProof(1, head.TreeSize).SelectMany(d => d.AsSpan().ToArray())],
        };
    }

    static byte[] Bytes(LogEntry entry) => [.. entry.Key.Span, .. entry.ValueDigest.AsSpan(), .. entry.LeafHash.AsSpan()];

    void Put(int at, byte value)
    {
        using var file = File.OpenHandle(Segment, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        RandomAccess.Write(file, [value], at);
    }
}
