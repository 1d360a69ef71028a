using System.Security.Cryptography;
using System.Text;
using Quorate.Core;
using Quorate.Nix.Nar;

namespace Quorate.Nix.Synthetic;

/// <summary>The content-addressed view of one realised input-addressed object.</summary>
/// <param name="Original">The input-addressed path.</param>
/// <param name="Path">The path that its content has when every path of the closure is replaced by its view.</param>
public sealed record SyntheticObject(StorePath Original, StorePath Path);

/// <summary>The view of an output, with what a claim states of it.</summary>
/// <param name="NarHash">Of the content in which all paths, its own included, are replaced by their views.</param>
public sealed record SyntheticOutput(SyntheticObject Object, Sha256Digest NarHash, ulong NarSize);

/// <summary>
/// Content-addressed paths for the runtime closures of input-addressed outputs, bottom-up: in each object the hash parts of its references are
/// replaced by those of their views, its own is hashed as a self-reference with positions, and the result addressed as Nix addresses a NAR.
/// Fixed outputs are content already and stand for themselves. Two builders whose objects differ only in where their inputs came from get the
/// same view. Results are kept; one call at a time.
/// </summary>
/// <param name="fixedOutputs">The fixed outputs in the graph of the derivations that made the objects.</param>
/// <param name="cache">Views of earlier runs; null reads everything.</param>
public sealed class SyntheticView(IStoreObjects store, IReadOnlySet<StorePath> fixedOutputs, IViewCache? cache = null)
{
    /// <summary>Objects of one closure that are looked at before it is given up.</summary>
    public const int MaxObjects = 1 << 20;

    /// <summary>Of so many paths the store is asked at once: programs take arguments of 2 MiB in all, and a path may have 250 bytes.</summary>
    const int MaxAsked = 4_000;

    readonly Dictionary<StorePath, Node> _known = [];
    readonly Dictionary<StorePath, Registration> _registered = [];

    /// <summary>The view of an object; its closure is read as far as it is not known yet.</summary>
    /// <exception cref="IOException">An object cannot be read.</exception>
    /// <exception cref="MalformedException">
    /// What is registered contradicts the content: references that do not occur, or some of the closure that occur and are not registered.
    /// </exception>
    public async Task<SyntheticObject> OfAsync(StorePath path, CancellationToken cancellationToken) =>
        (await NodeAsync(path, cancellationToken)).Object;

    /// <summary>
    /// The view of an output with its NAR hash, for which the output is read once more. Of the output itself no cache is asked: what is signed was
    /// read by whoever signs it.
    /// </summary>
    /// <inheritdoc cref="OfAsync" path="/exception"/>
    public async Task<SyntheticOutput> OutputAsync(StorePath path, CancellationToken cancellationToken)
    {
        var node = await NodeAsync(path, cancellationToken);
        if (node.Cached)
        {
            var read = await ReadAsync(path, node.References, useCache: false, cancellationToken);
            if (read.Object != node.Object)
            {
                throw new MalformedException($"{path} is not what it was when its view was computed");
            }
            _known[path] = node = read;
        }
        var rewrites = Rewrites(node.References);
        rewrites[path.HashPart] = node.Object.Path.HashPart;
        using var hasher = new NarHasher(self: null);
        await NarFeed.FromDiskAsync(store.Location(path), [hasher], cancellationToken, inner => new RewritingVisitor(inner, rewrites));
        hasher.Complete();
        return new SyntheticOutput(node.Object, hasher.Hash, hasher.Size);
    }

    async Task<Node> NodeAsync(StorePath root, CancellationToken cancellationToken)
    {
        await RegisterAsync(root, cancellationToken);
        // References before the object that has them, on a stack of our own: closures are deeper than call stacks.
        var open = new Dictionary<StorePath, IReadOnlyList<StorePath>>();
        var waiting = new Stack<StorePath>([root]);
        while (waiting.TryPeek(out var path))
        {
            if (_known.ContainsKey(path))
            {
                waiting.Pop();
            }
            else if (fixedOutputs.Contains(path))
            {
                _known.Add(path, new Node(new SyntheticObject(path, path), [], default, Cached: false));
            }
            else if (open.TryGetValue(path, out var references))
            {
                _known.Add(path, await ReadAsync(path, references, useCache: true, cancellationToken));
            }
            else
            {
                var registered = _registered[path].References;
                open.Add(path, registered);
                foreach (var reference in registered.Where(reference => !_known.ContainsKey(reference)))
                {
                    // What is open and not known yet is above this object.
                    if (open.ContainsKey(reference))
                    {
                        throw new MalformedException($"{path} and {reference} refer to each other");
                    }
                    waiting.Push(reference);
                }
            }
        }
        return _known[root];
    }

    /// <summary>Learns what is registered of a closure, level by level, so that the store is asked as often as the closure is deep.</summary>
    async Task RegisterAsync(StorePath root, CancellationToken cancellationToken)
    {
        // Taken over as a whole: what is registered here has all that it refers to here as well.
        var found = new Dictionary<StorePath, Registration>();
        for (HashSet<StorePath> level = [root]; level.Count > 0; )
        {
            StorePath[] wanted =
            [
                .. level.Where(path => !_registered.ContainsKey(path) && !found.ContainsKey(path) && !fixedOutputs.Contains(path)),
            ];
            if (_registered.Count + found.Count + wanted.Length > MaxObjects)
            {
                throw new MalformedException($"the closure of {root} has more than {MaxObjects} objects");
            }
            level = [];
            foreach (var paths in wanted.Chunk(MaxAsked))
            {
                foreach (var claim in await store.RegisteredAsync(paths, cancellationToken))
                {
                    StorePath[] references = [.. claim.References.Where(reference => reference != claim.Path).Distinct().Order()];
                    found[claim.Path] = new Registration(claim.NarHash, references);
                    level.UnionWith(references);
                }
            }
        }
        foreach (var (path, registration) in found)
        {
            _registered.Add(path, registration);
        }
    }

    async Task<Node> ReadAsync(StorePath path, IReadOnlyList<StorePath> references, bool useCache, CancellationToken cancellationToken)
    {
        var below = Below(references);
        var lookup = cache?.Find(new ViewSubject(path, store.Location(path), _registered[path].NarHash, below), cancellationToken);
        if (useCache && lookup?.View is { } view)
        {
            return new Node(new SyntheticObject(path, view), references, below, Cached: true);
        }
        var rewrites = Rewrites(references);
        var scanner = new ReferenceScanner(Closure(references));
        using var hasher = new NarHasher(path);
        await NarFeed.FromDiskAsync(
            store.Location(path),
            [hasher],
            cancellationToken,
            inner => new ScanningVisitor(new RewritingVisitor(inner, rewrites), scanner)
        );
        hasher.Complete();
        if (!scanner.Found.SequenceEqual(references))
        {
            var difference = scanner.Found.Except(references).FirstOrDefault() ?? references.Except(scanner.Found).First();
            throw new MalformedException($"what is registered of {path} is not what it contains: {difference}");
        }
        var address = new ContentAddress(ContentMethod.Nar, "sha256", hasher.Modulo(SelfReferenceEra.WithPositions).AsSpan());
        var synthetic = ContentAddressing.PathOf(
            address,
            [.. references.Select(reference => _known[reference].Object.Path).Distinct()],
            hasher.SelfReferences.Count > 0,
            path.StoreDir,
            path.Name
        );
        if (lookup is not null)
        {
            cache!.Keep(lookup, synthetic, cancellationToken);
        }
        return new Node(new SyntheticObject(path, synthetic), references, below, Cached: false);
    }

    /// <summary>
    /// A digest of all that an object's view follows from besides the object: its references, their views, and by their own such digests all that is
    /// below them, because references are looked for in the whole closure.
    /// </summary>
    Sha256Digest Below(IReadOnlyList<StorePath> references)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var reference in references)
        {
            var node = _known[reference];
            hash.AppendData(Encoding.ASCII.GetBytes($"{reference}\n{node.Object.Path}\n{node.Below}\n"));
        }
        return new Sha256Digest(hash.GetHashAndReset());
    }

    Dictionary<string, string> Rewrites(IReadOnlyList<StorePath> references)
    {
        var rewrites = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var reference in references)
        {
            rewrites[reference.HashPart] = _known[reference].Object.Path.HashPart;
        }
        return rewrites;
    }

    /// <summary>All of it was visible to the build, so all of it that occurs must be registered.</summary>
    HashSet<StorePath> Closure(IReadOnlyList<StorePath> references)
    {
        var closure = new HashSet<StorePath>(references);
        var waiting = new Stack<StorePath>(references);
        while (waiting.TryPop(out var path))
        {
            foreach (var reference in _known[path].References.Where(closure.Add))
            {
                waiting.Push(reference);
            }
        }
        return closure;
    }

    /// <param name="References">Sorted, without the object itself.</param>
    /// <param name="Cached">The object was not read in this run.</param>
    sealed record Node(SyntheticObject Object, IReadOnlyList<StorePath> References, Sha256Digest Below, bool Cached);

    sealed record Registration(Sha256Digest NarHash, IReadOnlyList<StorePath> References);
}
