using System.Text;
using Quorate.Core;
using Quorate.Core.Files;
using Quorate.Core.Merkle;
using Quorate.Crypto;
using Quorate.Log.Checking;
using Quorate.Log.Storage;

namespace Quorate.Log.Portable;

/// <summary>How a portable directory is imported.</summary>
public sealed record LogImportOptions
{
    /// <summary>The portable directory.</summary>
    public required string Source { get; init; }

    public required StateDirectory State { get; init; }

    /// <summary>The log's private key: it becomes a log that this node writes. Null: it becomes a mirror.</summary>
    public Ed25519PrivateKey? Key { get; init; }

    /// <summary>The folder of <c>node.signed_state</c>, where there is one.</summary>
    public string? SignedState { get; init; }

    /// <summary>Heads of the log that followers or witnesses have seen.</summary>
    public IReadOnlyList<LogHead> KnownHeads { get; init; } = [];

    /// <summary>The operator answers for it that nobody has seen a later head, although nothing here knows.</summary>
    public bool IsNewest { get; init; }

    public TimeProvider Time { get; init; } = TimeProvider.System;
}

/// <param name="Replaced">Where the folder went that was there before; null when there was none.</param>
public sealed record LogImportReport(LogCheckReport Check, string? Replaced);

/// <summary>
/// Makes a log's folder of a portable directory, checks it completely, and only then puts it into its place. A log to be written on must not be older than
/// anything that is known to have been signed.
/// </summary>
public sealed class LogImport
{
    const long MaxFrameBytes = 32 << 20;

    readonly LogImportOptions _options;
    readonly PortableLog _source;
    readonly WriteAheadStorage _storage;
    readonly HashSet<Sha256Digest> _held = [];
    readonly List<FrameEntry> _pending = [];
    long _pendingBytes;
    ulong _written;

    LogImport(LogImportOptions options, PortableLog source, WriteAheadStorage storage) =>
        (_options, _source, _storage) = (options, source, storage);

    /// <exception cref="PortableLogException">The directory does not check, or something newer or different is known to have been signed.</exception>
    public static async Task<LogImportReport> RunAsync(
        LogImportOptions options,
        IProgress<LogCheckProgress>? progress,
        CancellationToken cancellationToken
    )
    {
        var source = PortableLog.Open(options.Source);
        var id = source.Identity.Id;
        if (options.Key is { } key && !key.PublicKey.Equals(source.Identity.Key))
        {
            throw new PortableLogException(
                $"{options.Source} is the log of {source.Identity.Key}; the private key belongs to {key.PublicKey}"
            );
        }
        var target = options.Key is null ? options.State.MirrorFolder(id) : options.State.PublishedFolder(id);
        if (options.Key is null && Directory.Exists(target))
        {
            throw new PortableLogException($"{target} exists; a mirror that is there needs no import");
        }
        var known = options.Key is null ? [] : KnownHeads.Of(options, source.Identity);
        KnownHeads.CheckNewest(known, source.Head, options.Source);
        var fresh = options.State.ImportingFolder(id);
        if (Directory.Exists(fresh))
        {
            Directory.Delete(fresh, recursive: true);
        }
        try
        {
            await WriteAsync(options, source, known, fresh, cancellationToken);
            var check = LogChecker.Run(fresh, source.Identity, WriteAheadDisk.Real, progress, cancellationToken);
            if (!check.IsIntact || check.Head is not { } head || !head.Equals(source.Head))
            {
                throw new PortableLogException(
                    $"{options.Source}: {(check.Damage.Count > 0 ? check.Damage[0].What : "the entries do not lead to the head")}"
                );
            }
            return new LogImportReport(check with { Folder = target }, Place(options, id, fresh, target));
        }
        finally
        {
            if (Directory.Exists(fresh))
            {
                Directory.Delete(fresh, recursive: true);
            }
        }
    }

    static async Task WriteAsync(
        LogImportOptions options,
        PortableLog source,
        IReadOnlyList<(LogHead Head, string Where)> known,
        string folder,
        CancellationToken cancellationToken
    )
    {
        using (var storage = WriteAheadStorage.Open(folder, source.Identity.Id))
        {
            _ = storage.ReadFrames().Any();
            await new LogImport(options, source, storage).WriteAsync(known, cancellationToken);
        }
        LogIdentityFile.Ensure(folder, source.Identity);
        if (options.Key is not null && source.Origin is { } origin)
        {
            DurableFile.Replace(Path.Combine(folder, PortableFiles.Origin), Encoding.UTF8.GetBytes(origin + "\n"), DurableFile.Private);
        }
    }

    async Task WriteAsync(IReadOnlyList<(LogHead Head, string Where)> known, CancellationToken cancellationToken)
    {
        // Every head in a frame of its own where they are known, so that it is the same log again; else all under the newest.
        using var heads = (_source.Heads() ?? [_source.Head]).GetEnumerator();
        var leaves = _source.Heads() is null ? _source.MapHistory() : null;
        var tree = new GrowingTree();
        var more = heads.MoveNext();
        foreach (var entry in _source.Entries())
        {
            for (; more && heads.Current.TreeSize == tree.Size; more = heads.MoveNext())
            {
                await AppendHeadAsync(heads.Current, leaves, cancellationToken);
            }
            KnownHeads.Check(known, tree, _options.Source);
            await AppendAsync(entry, cancellationToken);
            tree.Append(TreeHash.EntryLeaf(entry.Key, entry.Digest));
        }
        KnownHeads.Check(known, tree, _options.Source);
        for (; more; more = heads.MoveNext())
        {
            if (heads.Current.TreeSize != tree.Size)
            {
                throw new PortableLogException($"{_options.Source}: the heads do not rise to the newest one");
            }
            await AppendHeadAsync(heads.Current, leaves, cancellationToken);
        }
    }

    async Task AppendAsync(PortableEntry entry, CancellationToken cancellationToken)
    {
        var bytes = entry.Key.Length + LogFrame.RecordSize + (entry.Value?.Length ?? 0);
        if (_pending.Count > 0 && _pendingBytes + bytes > MaxFrameBytes)
        {
            await FlushAsync(FrameKind.Fetched, null, [], cancellationToken);
        }
        var isNew = entry.Value is not null && _held.Add(entry.Digest);
        _pending.Add(new FrameEntry(entry.Key, entry.Digest, isNew ? entry.Value : null));
        _pendingBytes += bytes;
    }

    Task AppendHeadAsync(LogHead head, Sha256Digest[]? leaves, CancellationToken cancellationToken) =>
        FlushAsync(FrameKind.Head, head, leaves ?? [TreeHash.Leaf(head.MapRoot.AsSpan())], cancellationToken);

    async Task FlushAsync(FrameKind kind, LogHead? head, Sha256Digest[] leaves, CancellationToken cancellationToken)
    {
        var content = new FrameContent(kind, _written, _options.Time.GetUtcNow(), head, leaves, _pending);
        await FrameAppender.AppendAsync(_storage, content, new int[_pending.Count], cancellationToken);
        _written += (ulong)_pending.Count;
        _pending.Clear();
        _pendingBytes = 0;
    }

    static string? Place(LogImportOptions options, LogId id, string fresh, string target)
    {
        string? replaced = null;
        if (Directory.Exists(target))
        {
            replaced = options.State.ReplacedFolder(id, options.Time.GetUtcNow());
            Directory.CreateDirectory(Path.GetDirectoryName(replaced)!);
            Directory.Move(target, replaced);
            DurableFile.FlushDirectory(Path.GetDirectoryName(replaced)!);
        }
        Directory.Move(fresh, target);
        DurableFile.FlushDirectory(Path.GetDirectoryName(target)!);
        DurableFile.FlushDirectory(options.State.Path);
        return replaced;
    }
}
