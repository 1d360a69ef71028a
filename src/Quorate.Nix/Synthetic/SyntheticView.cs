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
public sealed class SyntheticView(IStoreObjects store, IReadOnlySet<StorePath> fixedOutputs)
{
    /// <summary>Objects of one closure that are looked at before it is given up.</summary>
    public const int MaxObjects = 1 << 20;

    readonly Dictionary<StorePath, Node> _known = [];

    /// <summary>The view of an object; its closure is read as far as it is not known yet.</summary>
    /// <exception cref="IOException">An object cannot be read.</exception>
    /// <exception cref="MalformedException">
    /// What is registered contradicts the content: references that do not occur, or some of the closure that occur and are not registered.
    /// </exception>
    public async Task<SyntheticObject> OfAsync(StorePath path, CancellationToken cancellationToken) =>
        (await NodeAsync(path, cancellationToken)).Object;

    /// <summary>The view of an output with its NAR hash, for which the output is read once more.</summary>
    /// <inheritdoc cref="OfAsync" path="/exception"/>
    public async Task<SyntheticOutput> OutputAsync(StorePath path, CancellationToken cancellationToken)
    {
        var node = await NodeAsync(path, cancellationToken);
        var rewrites = Rewrites(node.References);
        rewrites[path.HashPart] = node.Object.Path.HashPart;
        using var hasher = new NarHasher(self: null);
        await NarFeed.FromDiskAsync(store.Location(path), [hasher], cancellationToken, inner => new RewritingVisitor(inner, rewrites));
        hasher.Complete();
        return new SyntheticOutput(node.Object, hasher.Hash, hasher.Size);
    }

    async Task<Node> NodeAsync(StorePath root, CancellationToken cancellationToken)
    {
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
                _known.Add(path, new Node(new SyntheticObject(path, path), []));
            }
            else if (open.TryGetValue(path, out var references))
            {
                _known.Add(path, await ReadAsync(path, references, cancellationToken));
            }
            else
            {
                if (_known.Count + open.Count >= MaxObjects)
                {
                    throw new MalformedException($"the closure of {root} has more than {MaxObjects} objects");
                }
                StorePath[] registered =
                [
                    .. (await store.ReferencesAsync(path, cancellationToken)).Where(r => r != path).Distinct().Order(),
                ];
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

    async Task<Node> ReadAsync(StorePath path, IReadOnlyList<StorePath> references, CancellationToken cancellationToken)
    {
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
        return new Node(new SyntheticObject(path, synthetic), references);
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

    sealed record Node(SyntheticObject Object, IReadOnlyList<StorePath> References);
}
