using Quorate.Core;
using Quorate.Crypto.Notes;
using Quorate.Log;
using Quorate.Log.Tiles;
using Quorate.Log.Witnessing;
using Xunit;

namespace Quorate.Tests.Log.Witnessing;

public sealed class WitnessedPublicationTests : IDisposable
{
    const string Origin = "log.example/logs/a";

    readonly LogFixture _fixture = new();
    readonly List<FakeWitness> _witnesses = [];

    public void Dispose()
    {
        _witnesses.ForEach(w => w.Dispose());
        _fixture.Dispose();
    }

    NoteVerifierKey LogKey => NoteVerifierKey.Ed25519(Origin, _fixture.Key.PublicKey);

    /// <summary>The log of this test gets one entry and publishes its checkpoint with cosignatures; then its process ends.</summary>
    async Task PublishOneEntryAsync(int required, IReadOnlyList<FakeWitness> witnesses)
    {
        await using var log = await OpenLogAsync();
        await using var publication = await PublishAsync(log, required, witnesses: witnesses);
        await log.SubmitAsync("a", "v");
        await UntilAsync(() => publication.Current?.Checkpoint.Size == 1);
    }

    FakeWitness Witness(byte seed)
    {
        var witness = new FakeWitness(seed, LogKey, TimeProvider.System);
        _witnesses.Add(witness);
        return witness;
    }

    Task<PublishedLog> OpenLogAsync(string folder = "log") =>
        _fixture.OpenAsync(options => options with { Origin = Origin, Folder = Path.Combine(_fixture.Root, folder) });

    /// <summary>Rounds follow each other quickly; a witness that hangs is given up after half a second.</summary>
    internal static Task<WitnessedPublication> PublishAsync(
        ICheckpointedLog log,
        int required,
        UnwitnessedMode mode = UnwitnessedMode.Wait,
        Action<WitnessIncident>? stopped = null,
        IReadOnlyList<NoteVerifierKey>? notCounted = null,
        params IReadOnlyList<FakeWitness> witnesses
    )
    {
        var group = new PolicyGroup("quorum", required, [.. witnesses.Select(w => w.Name)]);
        var policy = new TlogPolicy([], [.. witnesses.Select(w => new PolicyWitness(w.Name, w.Key, null))], [group], group.Name);
        var options = new WitnessingOptions(witnesses, policy, mode, notCounted ?? [log.VerifierKey])
        {
            Pause = TimeSpan.FromMilliseconds(10),
            RoundLimit = TimeSpan.FromMilliseconds(500),
            StartLimit = TimeSpan.FromMilliseconds(500),
            Stopped = stopped,
        };
        return WitnessedPublication.OpenAsync(log, options, TimeProvider.System, TestContext.Current.CancellationToken);
    }

    static async Task UntilAsync(Func<bool> condition)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!condition())
        {
            await Task.Delay(10, deadline.Token);
        }
    }

    string Folder => Path.Combine(_fixture.Root, "log");

    [Fact]
    public async Task What_was_published_under_an_earlier_policy_is_not_shown_before_it_meets_the_one_of_now()
    {
        var (first, second) = (Witness(1), Witness(2));
        await PublishOneEntryAsync(1, [first]);
        second.IsDown = true;
        await using var log = await OpenLogAsync();
        await using var publication = await PublishAsync(log, 2, witnesses: [first, second]);
        Assert.Null(publication.Current);
        second.IsDown = false;
        await UntilAsync(() => publication.Current?.Checkpoint.Size == 1);
        Assert.Equal(2, publication.Cosignatures.Count);
    }

    [Fact]
    public async Task Growth_is_published_once_enough_witnesses_have_cosigned()
    {
        await using var log = await OpenLogAsync();
        await using var publication = await PublishAsync(log, 2, witnesses: [Witness(1), Witness(2), Witness(3)]);
        for (var size = 1UL; size <= 3; size++)
        {
            await log.SubmitAsync($"{size}", "v");
            await UntilAsync(() => publication.Current?.Checkpoint.Size == size);
            Assert.True(publication.Cosignatures.Count >= 2);
            Assert.NotNull(publication.WitnessedAt);
        }
    }

    [Fact]
    public async Task Witness_that_hangs_delays_neither_the_others_nor_the_log()
    {
        await using var log = await OpenLogAsync();
        var hanging = Witness(3);
        hanging.Hangs = true;
        await using var publication = await PublishAsync(log, 2, witnesses: [Witness(1), Witness(2), hanging]);

        await log.SubmitAsync("a", "v");
        await UntilAsync(() => publication.Current?.Checkpoint.Size == 1);

        Assert.Equal(2, publication.Cosignatures.Count);
    }

    [Fact]
    public async Task Round_that_fails_for_reasons_of_its_own_is_told_of_and_publishing_goes_on()
    {
        await using var log = await OpenLogAsync();
        var witness = Witness(1);
        await using var publication = await PublishAsync(log, 1, witnesses: [witness]);
        var faults = new List<string>();
        witness.OnAdd = _ =>
        {
            faults.AddRange(publication.Faults);
            return faults.Count > 0 ? throw new WitnessException("enough seen") : throw new InvalidOperationException("a bug");
        };
        await log.SubmitAsync("a", "v");
        await UntilAsync(() => faults.Count > 0);
        witness.OnAdd = null;
        await UntilAsync(() => publication.Current?.Checkpoint.Size == 1);
        Assert.Contains(faults, f => f.Contains("a bug", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Witness_that_does_not_count_meets_no_quorum()
    {
        await using var log = await OpenLogAsync();
        var (own, other) = (Witness(1), Witness(2));
        await using var publication = await PublishAsync(log, 2, notCounted: [log.VerifierKey, own.Key], witnesses: [own, other]);

        await log.SubmitAsync("a", "v");
        await UntilAsync(() =>
            other.Inner.Latest(CheckpointWitness.HashOf(Origin)) is { } note && Checkpoint.Parse(note.Text.Span).Size == 1
        );

        Assert.Null(publication.Current);
    }

    [Fact]
    public async Task What_was_published_survives_a_restart_without_witnesses()
    {
        var (first, second) = (Witness(1), Witness(2));
        await PublishOneEntryAsync(2, [first, second]);
        (first.IsDown, second.IsDown) = (true, true);
        await using var reopened = await OpenLogAsync();
        await reopened.SubmitAsync("b", "v");
        await using var again = await PublishAsync(reopened, 2, witnesses: [first, second]);

        Assert.Equal(1UL, again.Current!.Checkpoint.Size);
        Assert.Equal(2, again.Cosignatures.Count);
    }

    [Fact]
    public async Task Old_state_of_the_log_is_refused_when_its_own_checkpoint_knows_more()
    {
        var witness = Witness(1);
        await PublishOneEntryAsync(1, [witness]);
        await using var old = await OpenLogAsync("old");
        File.Copy(Path.Combine(Folder, WitnessedPublication.FileName), Path.Combine(_fixture.Root, "old", WitnessedPublication.FileName));
        witness.IsDown = true;

        var failure = await Assert.ThrowsAsync<LogRolledBackException>(() => PublishAsync(old, 1, witnesses: [witness]));

        Assert.Contains("restored from an old backup", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Witness_that_claims_more_than_the_log_has_refuses_the_start(bool secretive)
    {
        var witness = Witness(1);
        await PublishOneEntryAsync(1, [witness]);
        await using var old = await OpenLogAsync("old");
        witness.IsSecretive = secretive;

        await Assert.ThrowsAsync<LogRolledBackException>(() => PublishAsync(old, 1, witnesses: [witness]));
    }

    [Fact]
    public async Task Log_that_grew_otherwise_since_an_old_backup_is_refused()
    {
        var witness = Witness(1);
        await PublishOneEntryAsync(1, [witness]);
        await using var old = await OpenLogAsync("old");
        await old.SubmitAsync("another", "entry");
        await old.SubmitAsync("and", "another");

        await Assert.ThrowsAsync<LogRolledBackException>(() => PublishAsync(old, 1, witnesses: [witness]));
    }

    [Fact]
    public async Task Running_log_is_not_stopped_by_the_bare_word_of_a_witness()
    {
        await using var log = await OpenLogAsync();
        var liar = Witness(2);
        await using var publication = await PublishAsync(log, 1, witnesses: [Witness(1), liar]);
        liar.OnAdd = _ => new WitnessReply.Conflict(1_000_000);
        liar.IsSecretive = true;

        await log.SubmitAsync("a", "v");
        await UntilAsync(() => publication.Current?.Checkpoint.Size == 1);

        Assert.Null(publication.Incident);
    }

    [Fact]
    public async Task Running_log_stops_when_a_witness_shows_a_larger_checkpoint_by_its_own_key()
    {
        await using var log = await OpenLogAsync();
        await using var stranger = await OpenLogAsync("stranger");
        var witness = Witness(1);
        var stopped = new TaskCompletionSource<WitnessIncident>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var publication = await PublishAsync(log, 1, stopped: stopped.SetResult, witnesses: [witness]);

        // Somebody else signs with the same key, and shows it first.
        await stranger.SubmitAsync("x", "1");
        await stranger.SubmitAsync("y", "2");
        var ahead = stranger.CheckpointAt(stranger.HeadCount - 1);
        Assert.Equal(200, witness.Inner.Add(new AddCheckpointRequest(0, [], ahead.Note).ToBytes()).Status);
        await log.SubmitAsync("a", "v");

        var incident = await stopped.Task.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        Assert.Equal(2UL, incident.Size);
        Assert.NotNull(incident.Proof);
        Assert.Equal(incident, publication.Incident);
    }

    [Fact]
    public async Task Log_that_is_refused_takes_nothing_more()
    {
        await using var log = await OpenLogAsync();
        log.Refuse("because");
        var failure = await Assert.ThrowsAnyAsync<IOException>(() => log.SubmitAsync("a", "v"));
        Assert.Contains("because", failure.Message, StringComparison.Ordinal);
        Assert.Equal(0UL, log.Head.TreeSize);
    }

    [Fact]
    public void Quorum_vouches_for_the_time_of_its_last_needed_member()
    {
        var keys = Enumerable.Range(1, 3).Select(i => Witness((byte)i)).ToList();
        var policy = new TlogPolicy(
            [],
            [.. keys.Select(w => new PolicyWitness(w.Name, w.Key, null))],
            [new PolicyGroup("two", 2, [.. keys.Select(w => w.Name)])],
            "two"
        );
        var now = DateTimeOffset.UnixEpoch.AddYears(50);
        DateTimeOffset? Seen(PolicyWitness witness) =>
            witness.Name == "w1" ? now
            : witness.Name == "w2" ? now.AddHours(-5)
            : null;

        Assert.Equal(now.AddHours(-5), policy.VouchedUntil(Seen));
        Assert.Null(policy.VouchedUntil(w => w.Name == "w1" ? now : null));
    }
}
