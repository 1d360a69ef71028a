using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Quorate.Core;
using Quorate.Core.Merkle;
using Quorate.Crypto;
using Quorate.Crypto.Notes;
using Quorate.Log.Tiles;
using Quorate.Log.Witnessing;
using Quorate.Testing;
using Xunit;

namespace Quorate.Tests.Log.Witnessing;

public sealed class CheckpointWitnessTests : IDisposable
{
    readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("quorate-witness-");
    readonly Ed25519PrivateKey _key = Ed25519PrivateKey.FromSeed([.. Enumerable.Repeat((byte)1, 32)]);
    readonly ManualTime _time = new();
    readonly SignedLog _log = new();
    CheckpointWitness _witness;

    public CheckpointWitnessTests() => _witness = Open();

    public void Dispose()
    {
        _key.Dispose();
        _folder.Delete(recursive: true);
    }

    string FileOfLog => Path.Combine(_folder.FullName, CheckpointWitness.HashOf(SignedLog.Origin));

    CheckpointWitness Open() => CheckpointWitness.Open(_folder.FullName, new NoteCosigner("witness.example/w", _key), [_log.Key], _time);

    [Fact]
    public void Add_of_a_first_checkpoint_is_cosigned()
    {
        var answer = _witness.Add(_log.Request(0, 5));
        Assert.Equal(200, answer.Status);
        Assert.True(IsCosignature(answer, 5));
    }

    [Fact]
    public void Add_of_a_grown_log_is_cosigned()
    {
        _witness.Add(_log.Request(0, 5));
        Assert.True(IsCosignature(_witness.Add(_log.Request(5, 50)), 50));
    }

    [Fact]
    public void Add_of_what_is_cosigned_already_is_cosigned_anew()
    {
        _witness.Add(_log.Request(0, 5));
        Assert.True(IsCosignature(_witness.Add(_log.Request(5, 5)), 5));
    }

    [Fact]
    public void Add_of_the_empty_log_is_cosigned() => Assert.True(IsCosignature(_witness.Add(_log.Request(0, 0)), 0));

    public static TheoryData<string, string, int> Refusals =>
        new()
        {
            { "no request", "nonsense", 400 },
            { "a size with a leading zero", "leading", 400 },
            { "no empty line", "unended", 400 },
            { "64 hashes", "long", 400 },
            { "a hash of 31 bytes", "short", 400 },
            { "an old size beyond the checkpoint", "backwards", 400 },
            { "a note without signature", "unsigned", 400 },
            { "another log", "stranger", 404 },
            { "another key", "forged", 403 },
            { "a signature that is not by the key that it names", "broken", 403 },
            { "an old size that is not ours", "behind", 409 },
            { "no proof", "unproven", 422 },
            { "a proof for something else", "misproven", 422 },
            { "another root for the same size", "sideways", 422 },
            { "a proof from nothing", "eager", 422 },
            { "a proof from the same size", "idle", 422 },
            { "a root for no entries", "hollow", 422 },
        };

    [Theory]
    [MemberData(nameof(Refusals))]
    public void Add_of_a_wrong_request_is_refused_and_changes_nothing(string what, string which, int status)
    {
        var fresh = which is "eager" or "hollow";
        if (!fresh)
        {
            _witness.Add(_log.Request(0, 5));
        }
        var before = _witness.Latest(CheckpointWitness.HashOf(SignedLog.Origin));

        var answer = _witness.Add(Request(which));

        Assert.True(answer.Status == status, $"{what}: {answer.Status} {Encoding.UTF8.GetString(answer.Body.Span)}");
        Assert.Same(before, _witness.Latest(CheckpointWitness.HashOf(SignedLog.Origin)));
    }

    [Fact]
    public void Add_with_an_old_size_that_is_not_ours_is_told_ours()
    {
        _witness.Add(_log.Request(0, 5));
        var answer = _witness.Add(_log.Request(4, 50));
        Assert.Equal((409, "text/x.tlog.size", "5\n"), (answer.Status, answer.ContentType, Encoding.ASCII.GetString(answer.Body.Span)));
    }

    [Fact]
    public void Add_after_a_restart_goes_on_where_it_was()
    {
        _witness.Add(_log.Request(0, 50));
        _witness = Open();

        Assert.Equal(409, _witness.Add(_log.Request(0, 5)).Status);
        Assert.Equal(422, _witness.Add(Fork().Request(50, 60)).Status);
        Assert.Equal(200, _witness.Add(_log.Request(50, 60)).Status);
    }

    [Fact]
    public void Add_whose_reply_was_lost_is_answered_again_after_the_restart()
    {
        // The process ended between the write and the reply: the file is all that is left of it.
        _witness.Add(_log.Request(0, 5));
        _witness = Open();

        var conflict = _witness.Add(_log.Request(0, 5));
        Assert.Equal("5\n", Encoding.ASCII.GetString(conflict.Body.Span));
        Assert.True(IsCosignature(_witness.Add(_log.Request(5, 5)), 5));
    }

    [Fact]
    public void Add_signs_nothing_that_could_not_be_written()
    {
        _witness.Add(_log.Request(0, 5));
        var kept = File.ReadAllBytes(FileOfLog);
        // A directory in the file's place lets the rename fail, whoever runs the test.
        File.Delete(FileOfLog);
        Directory.CreateDirectory(FileOfLog);
        File.WriteAllText(Path.Combine(FileOfLog, "x"), "");

        Assert.Equal(503, _witness.Add(_log.Request(5, 50)).Status);
        Assert.Equal(503, _witness.Add(_log.Request(5, 5)).Status);

        Directory.Delete(FileOfLog, recursive: true);
        File.WriteAllBytes(FileOfLog, kept);
        _witness = Open();
        Assert.Equal(200, _witness.Add(_log.Request(5, 50)).Status);
    }

    [Fact]
    public void Open_with_a_damaged_file_fails()
    {
        _witness.Add(_log.Request(0, 5));
        var text = File.ReadAllText(FileOfLog);
        File.WriteAllText(FileOfLog, text.Replace("\n5\n", "\n4\n", StringComparison.Ordinal));

        Assert.Contains(FileOfLog, Assert.Throws<MalformedException>(Open).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Add_of_many_at_once_never_cosigns_two_histories()
    {
        var fork = Fork();
        _witness.Add(_log.Request(0, 1));
        using var start = new Barrier(8);
        var requests = Enumerable
            .Range(0, 8)
            .Select(i =>
                Task.Run(() =>
                {
                    var log = i % 2 == 0 ? _log : fork;
                    // Both begin with the same entry, so that either may be first.
                    start.SignalAndWait(TimeSpan.FromSeconds(30));
                    return (i, _witness.Add(log.Request(1, 50 + (ulong)i)).Status);
                })
            );

        var answers = await Task.WhenAll(requests);

        Assert.Equal(200, Assert.Single(answers, a => a.Status == 200).Status);
        Assert.All(answers.Where(a => a.Status != 200), a => Assert.Equal(409, a.Status));
    }

    [Fact]
    public void Add_of_growth_without_end_is_slowed_down()
    {
        var statuses = new List<int>();
        for (var size = 0UL; size < 30; size++)
        {
            statuses.Add(_witness.Add(_log.Request(Math.Min(size, 20), size + 1)).Status);
        }
        Assert.Equal(Enumerable.Repeat(200, 20), statuses.Take(20));
        Assert.Contains(429, statuses);
        // Who does not grow may always ask.
        Assert.Equal(200, _witness.Add(_log.Request(20, 20)).Status);
    }

    [Fact]
    public void Latest_is_what_monitors_check()
    {
        _witness.Add(_log.Request(0, 5));

        var note = _witness.Latest(CheckpointWitness.HashOf(SignedLog.Origin))!;

        Assert.True(NoteCheck.Of(note, [_log.Key]).Result.IsVerified);
        Assert.Equal(2, NoteCheck.Of(note, [_log.Key, _witness.Key]).Signatures.Count);
        Assert.Null(_witness.Latest(CheckpointWitness.HashOf("log.example/logs/b")));
    }

    [Fact]
    public void Add_with_a_clock_set_back_does_not_go_back_in_time()
    {
        var first = Time(_witness.Add(_log.Request(0, 5)));
        _time.Advance(TimeSpan.FromDays(-2));
        Assert.Equal(first, Time(_witness.Add(_log.Request(5, 5))));
    }

    [Fact]
    public void Parse_of_any_request_prints_itself_again()
    {
        var bodies = new[] { _log.Request(0, 5), _log.Request(5, 50), _log.Request(7, 7) };
        var change =
            from body in Gen.Choose(0, bodies.Length - 1)
            from at in Gen.Choose(0, bodies[body].Length - 1)
            from value in Gen.Choose(0, 255)
            select (body, at, value);
        Prop.ForAll(
                change.ToArbitrary(),
                c =>
                {
                    byte[] changed = [.. bodies[c.body]];
                    changed[c.at] = (byte)c.value;
                    return !AddCheckpointRequest.TryParse(changed, out var request, out _) || request.ToBytes().SequenceEqual(changed);
                }
            )
            .QuickCheckThrowOnFailure();
    }

    byte[] Request(string which)
    {
        var valid = _log.Request(5, 50);
        var text = Encoding.UTF8.GetString(valid);
        var proof = _log.Tree.ConsistencyProof(5, 50);
        var checkpoint = Encoding.UTF8.GetString(_log.Checkpoint(50).Bytes.Span);
        return which switch
        {
            "nonsense" => "hello"u8.ToArray(),
            "leading" => Encoding.UTF8.GetBytes(text.Replace("old 5", "old 05", StringComparison.Ordinal)),
            "unended" => Encoding.UTF8.GetBytes("old 5\n"),
            "long" => _log.Request(5, 50, [.. Enumerable.Repeat(proof[0], 64)]),
            "short" => Encoding.UTF8.GetBytes($"old 5\n{Convert.ToBase64String(new byte[31])}\n\n{checkpoint}"),
            "backwards" => _log.Request(51, 50, []),
            "unsigned" => Encoding.UTF8.GetBytes($"old 5\n\n{checkpoint[..checkpoint.LastIndexOf('\u2014')]}"),
            "stranger" => new SignedLog("log.example/logs/b").Request(5, 50),
            "forged" => new SignedLog(SignedLog.Origin, seed: 4).Request(5, 50),
            "broken" => Encoding.UTF8.GetBytes(text.Replace("\n50\n", "\n51\n", StringComparison.Ordinal)),
            "behind" => _log.Request(4, 50),
            "unproven" => _log.Request(5, 50, []),
            "misproven" => _log.Request(5, 50, [.. proof.Reverse()]),
            "sideways" => Fork().Request(5, 5),
            "eager" => _log.Request(0, 50, proof),
            "idle" => _log.Request(5, 5, proof),
            _ => new AddCheckpointRequest(
                0,
                [],
                _log.Sign(Encoding.UTF8.GetBytes($"{SignedLog.Origin}\n0\n{Convert.ToBase64String(new byte[32])}\n"))
            ).ToBytes(),
        };
    }

    /// <summary>Another history of the same log, which begins with the same entry.</summary>
    static SignedLog Fork()
    {
        var fork = new SignedLog(SignedLog.Origin, "fork");
        var first = new SignedLog().Tree.Leaf(0);
        var others = Enumerable.Range(1, 99).Select(i => fork.Tree.Leaf((ulong)i)).ToArray();
        fork.Tree.TruncateTo(0);
        fork.Tree.AppendRange([first, .. others]);
        return fork;
    }

    NoteSignature Line(WitnessAnswer answer) => NoteSignature.Parse(answer.Body.Span[..^1]);

    bool IsCosignature(WitnessAnswer answer, ulong size) =>
        answer.Status == 200 && _witness.Key.Verify(_log.Checkpoint(size).Text.Span, Line(answer), out _);

    ulong? Time(WitnessAnswer answer)
    {
        _witness.Key.Verify(_log.Checkpoint(5).Text.Span, Line(answer), out var time);
        return time;
    }
}
