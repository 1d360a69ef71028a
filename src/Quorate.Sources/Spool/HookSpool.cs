using System.Globalization;
using System.Security.Cryptography;

namespace Quorate.Sources.Spool;

/// <summary>How full a spool is, and what it ever had to give up.</summary>
/// <param name="Batches">Files of claims that wait for delivery.</param>
/// <param name="Unresolved">Files of bare paths that wait for Nix to say what they are.</param>
/// <param name="Dropped">Claims that did not fit, or about which nothing could be learnt in time, since the counter file was last removed.</param>
/// <param name="Collected">Paths that were not in the store any more when it was asked about them.</param>
/// <param name="SetAside">Files that could not be understood or that the log refused; kept for a person to look at.</param>
public sealed record SpoolState(int Batches, int Unresolved, long Bytes, long Dropped, long Collected, int SetAside)
{
    /// <summary>Builds that wait to be signed.</summary>
    public int ToSign { get; init; }
}

/// <summary>
/// What could not be delivered: a private directory with one file per hook run, written whole under a temporary name and renamed. Any number of
/// processes may add, resolve and deliver at once. Delivery removes a file only after the log took it, so a crash in between delivers twice,
/// which a log treats as duplicates.
/// </summary>
public sealed class HookSpool : IDisposable
{
    const string BatchSuffix = ".batch";
    const string PathsSuffix = ".paths";
    const string SignSuffix = ".sign";
    const string AsideSuffix = ".aside";
    const string TemporarySuffix = ".tmp";
    const string DroppedFile = "dropped.count";
    const string CollectedFile = "collected.count";
    const long MaxBatchBytes = 64 << 20;
    const long MaxNoteBytes = 1 << 20;
    const int MaxAside = 100;

    static readonly string[] s_waiting = [BatchSuffix, PathsSuffix, SignSuffix];
    static readonly TimeSpan s_abandoned = TimeSpan.FromHours(1);

    readonly PosixDirectory _directory;
    readonly int _maxBatches;
    readonly long _maxBytes;

    HookSpool(PosixDirectory directory, int maxBatches, long maxBytes)
    {
        _directory = directory;
        _maxBatches = maxBatches;
        _maxBytes = maxBytes;
    }

    public const int DefaultMaxBatches = 10_000;

    public const long DefaultMaxBytes = 256L << 20;

    /// <summary>Opens a spool, or null when <paramref name="create"/> is false and there is none.</summary>
    /// <exception cref="IOException">The directory is a link, open to others, or somebody else's.</exception>
    public static HookSpool? Open(string path, bool create, int maxBatches = DefaultMaxBatches, long maxBytes = DefaultMaxBytes) =>
        PosixDirectory.Open(path, create) is { } directory ? new HookSpool(directory, maxBatches, maxBytes) : null;

    public string Path => _directory.Path;

    /// <summary>
    /// The directory belongs to this process's user. To root it may not: then nobody but that user vouches for what the files say, and root must
    /// not do what they say.
    /// </summary>
    public bool IsOwn => _directory.IsOwn;

    /// <summary>False when the spool is full: the claims are then counted as dropped. Never throws for a full disk.</summary>
    public bool TryAdd(SpoolBatch batch) => TryAdd(NewName(), BatchSuffix, batch.Encode(), batch.Items.Count);

    /// <summary>As for claims.</summary>
    public bool TryAdd(BarePaths paths) => TryAdd(NewName(), PathsSuffix, paths.Encode(), paths.Count);

    /// <summary>Notes a build that is to be signed; it names the derivation and all its outputs, and as its log the one for the claim.</summary>
    public bool TryAddToSign(BarePaths build) => TryAdd(NewName(), SignSuffix, build.Encode(), 1);

    /// <summary>Adds the claims that bare paths turned out to be, at their place in the order.</summary>
    public bool TryAddResolved(string pathsName, SpoolBatch batch) =>
        TryAdd($"{pathsName[..Math.Min(16, pathsName.Length)]}-{Random()}", BatchSuffix, batch.Encode(), batch.Items.Count);

    /// <summary>Bare paths of which some are resolved. On a full disk the file stays as it was, and those are resolved again.</summary>
    public void Rewrite(string name, BarePaths rest) => TryWriteNote(name, rest.Encode());

    // Names sort by time, so that delivery keeps the order in which builds ended: the first value of a key is the builder's vote.
    static string NewName() => $"{TimeProvider.System.GetUtcNow().UtcTicks.ToString("x16", CultureInfo.InvariantCulture)}-{Random()}";

    static string Random() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));

    bool TryAdd(string name, string suffix, byte[] bytes, int claims)
    {
        var state = State();
        if (
            state.Batches + state.Unresolved + state.ToSign >= _maxBatches
            || state.Bytes + bytes.Length > _maxBytes
            || bytes.Length > MaxBatchBytes
        )
        {
            CountDropped(claims);
            return false;
        }
        var temporary = name + TemporarySuffix;
        try
        {
            // Not synced: on a busy disk that can take longer than any build should wait. A torn file fails its checksum.
            using (var file = _directory.Create(temporary))
            {
                RandomAccess.Write(file, bytes, 0);
            }
            if (_directory.Rename(temporary, name + suffix))
            {
                return true;
            }
        }
        catch (IOException)
        {
            // A full or failing disk: nothing more can be done than to count.
        }
        _directory.Remove(temporary);
        CountDropped(claims);
        return false;
    }

    /// <summary>Names of waiting batches, oldest first.</summary>
    public IReadOnlyList<string> Waiting() => Files(BatchSuffix);

    /// <summary>Names of files of bare paths, oldest first.</summary>
    public IReadOnlyList<string> Unresolved() => Files(PathsSuffix);

    /// <summary>Names of files of builds to sign, oldest first; they are read like bare paths.</summary>
    public IReadOnlyList<string> ToSign() => Files(SignSuffix);

    string[] Files(string suffix) =>
        [.. _directory.Names().Where(n => n.EndsWith(suffix, StringComparison.Ordinal)).Order(StringComparer.Ordinal)];

    /// <summary>Reads a batch. One that is corrupt is set aside; null for that and for one that somebody else delivered meanwhile.</summary>
    public SpoolBatch? Read(string name) =>
        Content(name) is not { } bytes ? null
        : SpoolBatch.TryDecode(bytes, out var batch, out _) ? batch
        : Aside<SpoolBatch>(name);

    /// <summary>As for batches.</summary>
    public BarePaths? ReadPaths(string name) =>
        Content(name) is not { } bytes ? null
        : BarePaths.TryDecode(bytes, out var paths, out _) ? paths
        : Aside<BarePaths>(name);

    ReadOnlyMemory<byte>? Content(string name)
    {
        using var file = _directory.OpenRead(name, out var length);
        if (file is null || length > MaxBatchBytes)
        {
            // Gone, or a link or another user's file: the latter two never become readable, so they must not be tried for ever.
            SetAside(name);
            return null;
        }
        var bytes = new byte[length];
        return bytes.AsMemory(0, ReadWhole(file, bytes));
    }

    T? Aside<T>(string name)
        where T : class
    {
        SetAside(name);
        return null;
    }

    /// <summary>Removes what a crash left half written.</summary>
    public void Sweep(DateTimeOffset now)
    {
        foreach (var name in _directory.Names().Where(n => n.EndsWith(TemporarySuffix, StringComparison.Ordinal)).ToArray())
        {
            using var file = _directory.OpenRead(name, out _);
            if (file is not null && new DateTimeOffset(File.GetLastWriteTimeUtc(file), TimeSpan.Zero) < now - s_abandoned)
            {
                _directory.Remove(name);
            }
        }
    }

    /// <summary>The log has it.</summary>
    public void Remove(string name) => _directory.Remove(name);

    /// <summary>Keeps a batch that cannot be delivered out of the way, up to a bound; beyond it the file is removed and counted.</summary>
    public void SetAside(string name)
    {
        if (_directory.Names().Count(n => n.EndsWith(AsideSuffix, StringComparison.Ordinal)) < MaxAside)
        {
            _directory.Rename(name, name + AsideSuffix);
        }
        else if (_directory.Remove(name))
        {
            CountDropped(1);
        }
    }

    /// <summary>Adds to the counter that <c>quorate nix hook status</c> shows. Concurrent runs may lose an increment, never more.</summary>
    public void CountDropped(int claims) => Add(DroppedFile, claims);

    /// <summary>Likewise.</summary>
    public void CountCollected(int paths) => Add(CollectedFile, paths);

    void Add(string counter, int number)
    {
        if (number > 0)
        {
            TryWriteNote(
                counter,
                System.Text.Encoding.ASCII.GetBytes(checked(Counter(counter) + number).ToString(CultureInfo.InvariantCulture))
            );
        }
    }

    /// <summary>A small file beside the batches, such as the last known publish filter; null when there is none or it is over 1 MiB.</summary>
    public byte[]? ReadNote(string name)
    {
        using var file = _directory.OpenRead(name, out var length);
        if (file is null || length > MaxNoteBytes)
        {
            return null;
        }
        var bytes = new byte[length];
        return ReadWhole(file, bytes) == bytes.Length ? bytes : null;
    }

    /// <summary>Replaces a note whole. False on a full or failing disk.</summary>
    public bool TryWriteNote(string name, ReadOnlySpan<byte> content)
    {
        var temporary = $"{name}-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8))}{TemporarySuffix}";
        try
        {
            using (var file = _directory.Create(temporary))
            {
                RandomAccess.Write(file, content, 0);
            }
            return _directory.Rename(temporary, name);
        }
        catch (IOException)
        {
            // Notes are conveniences: the caller goes on without one.
            _directory.Remove(temporary);
            return false;
        }
    }

    static int ReadWhole(Microsoft.Win32.SafeHandles.SafeFileHandle file, Span<byte> buffer)
    {
        var read = 0;
        while (read < buffer.Length && RandomAccess.Read(file, buffer[read..], read) is > 0 and var n)
        {
            read += n;
        }
        return read;
    }

    public SpoolState State()
    {
        var (batches, unresolved, toSign, bytes, aside) = (0, 0, 0, 0L, 0);
        foreach (var name in _directory.Names())
        {
            if (name.EndsWith(AsideSuffix, StringComparison.Ordinal))
            {
                aside++;
            }
            else if (s_waiting.Any(suffix => name.EndsWith(suffix, StringComparison.Ordinal)))
            {
                batches += name.EndsWith(BatchSuffix, StringComparison.Ordinal) ? 1 : 0;
                unresolved += name.EndsWith(PathsSuffix, StringComparison.Ordinal) ? 1 : 0;
                toSign += name.EndsWith(SignSuffix, StringComparison.Ordinal) ? 1 : 0;
                using var file = _directory.OpenRead(name, out var length);
                bytes += length;
            }
        }
        return new SpoolState(batches, unresolved, bytes, Counter(DroppedFile), Counter(CollectedFile), aside) { ToSign = toSign };
    }

    public void Dispose() => _directory.Dispose();

    long Counter(string name) =>
        ReadNote(name) is { Length: > 0 and < 19 } digits
        && long.TryParse(System.Text.Encoding.ASCII.GetString(digits), NumberStyles.None, null, out var n)
            ? n
            : 0;
}
