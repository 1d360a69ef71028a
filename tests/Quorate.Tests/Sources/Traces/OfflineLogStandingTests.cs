using System.Text;
using Quorate.Core;
using Quorate.Crypto;
using Quorate.Crypto.Notes;
using Quorate.Log;
using Quorate.Log.Tiles;
using Quorate.Log.Witnessing;
using Quorate.Nix.Traces;
using Quorate.Nix.Verification;
using Quorate.Sources.Traces;
using Quorate.Testing;
using Quorate.Tests.Log;
using Quorate.Tests.Nix.Traces;
using Quorate.Trust.Rules;
using Xunit;
using static Quorate.Tests.Log.LogExtensions;

namespace Quorate.Tests.Sources.Traces;

/// <summary>Real folders of mirrors and logs, read without their node: what they tell of times, and what cosigned checkpoints beside them do.</summary>
public sealed class OfflineLogStandingTests : IDisposable
{
    readonly LogFixture _fixture = new(Protocol.NixTrace);
    readonly Ed25519PrivateKey[] _keys =
    [
        .. Enumerable.Range(20, 3).Select(i => Ed25519PrivateKey.FromSeed(Enumerable.Repeat((byte)i, 32).ToArray())),
    ];
    readonly NoteCosigner[] _witnesses;
    readonly DateTimeOffset _start;

    public OfflineLogStandingTests()
    {
        _witnesses = [.. _keys.Select((key, i) => new NoteCosigner($"w{i}.example", key))];
        _start = _fixture.Time.GetUtcNow();
    }

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    string State => Path.Combine(_fixture.Root, "state");

    string Mirror => Path.Combine(State, "mirrors", _fixture.Identity.Id.Text);

    public void Dispose()
    {
        _fixture.Dispose();
        Array.ForEach(_keys, key => key.Dispose());
    }

    [Fact]
    public async Task Mirror_tells_when_its_node_first_saw_each_claim()
    {
        await MirrorTwoClaimsAsync();
        var now = At(hours: 5);
        var (first, second) = (await StandingAsync(Mirror, 1, quorum: null, now), await StandingAsync(State, 2, quorum: null, now));
        Assert.Equal(At(hours: 1), first.FirstSeen);
        Assert.Equal(At(hours: 3), second.FirstSeen);
        // All of it was known when the newest head came, and nobody here knows of anything later.
        Assert.Equal((At(hours: 3), 0), (first.FreshAt, first.Witnesses));
    }

    [Fact]
    public async Task Folder_of_the_logs_own_node_tells_no_time_and_says_why()
    {
        await MirrorTwoClaimsAsync();
        var standing = await StandingAsync(_fixture.Folder, 1, quorum: null, At(hours: 5));
        Assert.Equal((null, null, 0), (standing.FirstSeen, standing.FreshAt, standing.Witnesses));
        Assert.Contains("the log's own word", standing.Unknown, StringComparison.Ordinal);
        var sighting = new TraceSighting("log", standing);
        Assert.False(sighting.Meets(new VoteCondition.Before(At(hours: 9)), built: true, At(hours: 5)));
        Assert.Equal(standing.Unknown, sighting.Unknown(new VoteCondition.Before(At(hours: 9))));
        Assert.Null(sighting.Unknown(new VoteCondition.Logged()));
    }

    [Fact]
    public async Task Witnesses_beside_a_mirror_count_for_what_their_trees_cover()
    {
        await MirrorTwoClaimsAsync();
        KeepList(Cosigned(1, (0, At(hours: 2))), Cosigned(2, (1, At(hours: 4))));
        var quorum = Quorum(required: 1, 0, 1);
        var (first, second) = (await StandingAsync(Mirror, 1, quorum, At(hours: 5)), await StandingAsync(Mirror, 2, quorum, At(hours: 5)));
        Assert.Equal((2, 1), (first.Witnesses, second.Witnesses));
        // With witnesses, what is fresh is theirs to say.
        Assert.Equal(At(hours: 4), first.FreshAt);
        Assert.Null(first.Unknown);
    }

    [Fact]
    public async Task Witnesses_tell_the_time_of_a_log_that_is_no_mirror()
    {
        await MirrorTwoClaimsAsync();
        Keep(_fixture.Folder, Cosigned(2, (0, At(hours: 4)), (1, At(hours: 6)), (2, At(hours: 5))));
        var standing = await StandingAsync(_fixture.Folder, 1, Quorum(required: 2, 0, 1, 2), At(hours: 9));
        // By then two had seen it; and two vouch until then.
        Assert.Equal((At(hours: 5), At(hours: 5), 3), (standing.FirstSeen, standing.FreshAt, standing.Witnesses));
    }

    [Fact]
    public async Task Time_of_a_mirror_and_of_its_witnesses_is_the_earlier_one()
    {
        await MirrorTwoClaimsAsync();
        KeepList(Cosigned(1, (0, At(minutes: 30))));
        Assert.Equal(At(minutes: 30), (await StandingAsync(Mirror, 1, Quorum(required: 1, 0), At(hours: 5))).FirstSeen);
    }

    [Fact]
    public async Task Fewer_witnesses_than_required_tell_nothing_and_it_says_so()
    {
        await MirrorTwoClaimsAsync();
        Keep(_fixture.Folder, Cosigned(2, (0, At(hours: 4))));
        var standing = await StandingAsync(_fixture.Folder, 1, Quorum(required: 2, 0, 1), At(hours: 9));
        Assert.Equal((null, null, 1), (standing.FirstSeen, standing.FreshAt, standing.Witnesses));
        Assert.Contains("1 of its witnesses", standing.Unknown, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cosignatures_count_only_by_named_keys_of_this_logs_own_trees()
    {
        await MirrorTwoClaimsAsync();
        // By a witness whom the model does not name; of another root; of a size that this copy does not have; damaged; and by the log's own key.
        var own = new NoteCosigner("own.example", _fixture.Key);
        KeepList(
            Cosigned(1, (2, At(hours: 2))),
            Cosign(new Checkpoint("log.example", 1, Sha256Digest.HashData("x"u8)), (0, At(hours: 2))),
            Cosign(new Checkpoint("log.example", 3, Sha256Digest.HashData("x"u8)), (0, At(hours: 2)))
        );
        await File.AppendAllTextAsync(Path.Combine(State, CheckpointNotes.ListFolder, _fixture.Identity.Id.Text), "junk\n", Cancellation);
        var text = Checkpoint(1).ToText();
        Keep(
            Mirror,
            SignedNote.Create(
                text,
                [new NoteSigner("log.example", _fixture.Key).Sign(text), own.Cosign(text, (ulong)At(hours: 2).ToUnixTimeSeconds())]
            )
        );
        var quorum = new WitnessQuorum(1, [_witnesses[0].VerifierKey, own.VerifierKey]);
        Assert.Equal(0, (await StandingAsync(Mirror, 1, quorum, At(hours: 5))).Witnesses);
    }

    [Fact]
    public async Task Checkpoint_that_the_log_did_not_sign_counts_for_nothing()
    {
        await MirrorTwoClaimsAsync();
        var text = Checkpoint(1).ToText();
        Keep(Mirror, SignedNote.Create(text, [_witnesses[0].Cosign(text, (ulong)At(hours: 2).ToUnixTimeSeconds())]));
        Assert.Equal(0, (await StandingAsync(Mirror, 1, Quorum(required: 1, 0), At(hours: 5))).Witnesses);
    }

    [Fact]
    public async Task Witness_whose_clock_is_minutes_ahead_vouches_for_nothing_later_than_now()
    {
        await MirrorTwoClaimsAsync();
        Keep(_fixture.Folder, Cosigned(2, (0, At(hours: 5, minutes: 4))));
        Assert.Equal(At(hours: 5), (await StandingAsync(_fixture.Folder, 1, Quorum(required: 1, 0), At(hours: 5))).FreshAt);
    }

    [Fact]
    public async Task Witness_from_the_future_says_nothing_of_what_is_fresh()
    {
        await MirrorTwoClaimsAsync();
        Keep(_fixture.Folder, Cosigned(2, (0, At(hours: 1000))));
        var standing = await StandingAsync(_fixture.Folder, 1, Quorum(required: 1, 0), At(hours: 5));
        // It was there by now at the latest; but the same file would be fresh for weeks.
        Assert.Equal((At(hours: 5), null, 1), (standing.FirstSeen, standing.FreshAt, standing.Witnesses));
    }

    static string Claim(UInt128 attempt) =>
        Encoding.ASCII.GetString(TraceSamples.Sign(TraceFormat.Bundle, TraceSamples.Statement with { AttemptId = attempt }));

    DateTimeOffset At(int hours = 0, int minutes = 0) => _start + new TimeSpan(hours, minutes, 0);

    WitnessQuorum Quorum(int required, params int[] witnesses) => new(required, [.. witnesses.Select(w => _witnesses[w].VerifierKey)]);

    /// <summary>Each claim is logged half an hour before the mirror sees it, one hour and three hours after the start.</summary>
    async Task MirrorTwoClaimsAsync()
    {
        await using var log = await _fixture.OpenAsync();
        _roots = new Sha256Digest[3];
        await using var mirror = await MirroredLog.OpenAsync(
            new MirroredLogOptions
            {
                Identity = _fixture.Identity,
                Folder = Mirror,
                Time = _fixture.Time,
            },
            Cancellation
        );
        foreach (var (claim, pause) in new[] { (1, 30), (2, 90) })
        {
            _fixture.Time.Advance(TimeSpan.FromMinutes(pause));
            _roots[claim] = (await log.SubmitAsync(TraceSamples.InputText, Claim((UInt128)claim))).Head.LogRoot;
            _fixture.Time.Advance(TimeSpan.FromMinutes(30));
            await mirror.SyncAsync([new ScriptedLogSource(log)], MirrorLimits.Default, null, Cancellation);
        }
    }

    Sha256Digest[] _roots = [];

    Checkpoint Checkpoint(int size) => new("log.example", (ulong)size, _roots[size]);

    SignedNote Cosigned(int size, params (int Witness, DateTimeOffset At)[] by) => Cosign(Checkpoint(size), by);

    SignedNote Cosign(Checkpoint checkpoint, params (int Witness, DateTimeOffset At)[] by)
    {
        var text = checkpoint.ToText();
        return SignedNote.Create(
            text,
            [
                new NoteSigner(checkpoint.Origin, _fixture.Key).Sign(text),
                .. by.Select(w => _witnesses[w.Witness].Cosign(text, (ulong)w.At.ToUnixTimeSeconds())),
            ]
        );
    }

    void KeepList(params SignedNote[] notes) =>
        CheckpointNotes.WriteList(Path.Combine(State, CheckpointNotes.ListFolder, _fixture.Identity.Id.Text), notes);

    static void Keep(string folder, SignedNote note) =>
        File.WriteAllBytes(Path.Combine(folder, CheckpointNotes.OwnFile), note.Bytes.ToArray());

    /// <summary>Of one of the two claims.</summary>
    async Task<LogStanding> StandingAsync(string path, int claim, WitnessQuorum? quorum, DateTimeOffset now)
    {
        using var logs = OfflineTraceLogs.Open(path, id => id == _fixture.Identity.Id.ToString() ? quorum : null, now, Cancellation);
        var source = Assert.Single(logs.Sources);
        await source.FindAsync(TraceSamples.Input, Cancellation);
        var standing = ((ITraceStandings)source).StandingOf(Encoding.ASCII.GetBytes(Claim((UInt128)claim)));
        Assert.NotNull(standing);
        Assert.Equal((ulong)claim - 1, standing.Index);
        return standing;
    }
}
