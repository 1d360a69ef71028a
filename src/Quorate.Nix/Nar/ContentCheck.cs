using Quorate.Core;

namespace Quorate.Nix.Nar;

/// <summary>
/// What the bytes of a store object say about it: NAR hash, NAR size, references, and the content-addressed path that follows from them. Nothing
/// that Nix registered is believed.
/// </summary>
public sealed record ContentCheck
{
    /// <summary>Where the object claims to be.</summary>
    public required StorePath Path { get; init; }

    public required Sha256Digest NarHash { get; init; }

    public required ulong NarSize { get; init; }

    /// <summary>Sorted; the object itself is among them exactly when it refers to itself.</summary>
    public required IReadOnlyList<StorePath> References { get; init; }

    /// <summary>The content address and the path that follows from it, one for each era; the same twice unless the object refers to itself.</summary>
    public required IReadOnlyList<AddressedContent> Addresses { get; init; }

    public bool RefersToItself => References.Contains(Path);

    /// <summary>The address under which the object has the path that it claims; null when the content belongs to another path.</summary>
    public AddressedContent? Match => Addresses.FirstOrDefault(address => address.Path == Path);

    /// <summary>Checks an object whose references are known; whether it refers to itself is taken from its content.</summary>
    /// <param name="location">Where the object is on disk.</param>
    /// <param name="references">The object itself may be among them or not.</param>
    /// <exception cref="IOException">Something cannot be read, or changed meanwhile.</exception>
    /// <exception cref="UnaddressableException">No object of this kind has an address of this kind; the message says why.</exception>
    /// <exception cref="MalformedException">The object is over a limit, or no archive can hold it.</exception>
    public static Task<ContentCheck> WithReferencesAsync(
        StorePath path,
        string location,
        ContentMethod method,
        string algorithm,
        IReadOnlyCollection<StorePath> references,
        CancellationToken cancellationToken
    ) => OfDiskAsync(new Run(path, method, algorithm, references, scan: false), location, cancellationToken);

    /// <summary>Checks an object whose references are those of some candidates whose hash part occurs in it.</summary>
    /// <param name="candidates">Everything that the build could see: the closure of its inputs, and its other outputs.</param>
    /// <inheritdoc cref="WithReferencesAsync"/>
    public static Task<ContentCheck> ScanningAsync(
        StorePath path,
        string location,
        ContentMethod method,
        string algorithm,
        IReadOnlyCollection<StorePath> candidates,
        CancellationToken cancellationToken
    ) => OfDiskAsync(new Run(path, method, algorithm, candidates, scan: true), location, cancellationToken);

    /// <summary>Checks an object that comes as an archive and whose references are known.</summary>
    /// <inheritdoc cref="WithReferencesAsync"/>
    public static async Task<ContentCheck> OfArchiveAsync(
        StorePath path,
        Stream archive,
        ContentMethod method,
        string algorithm,
        IReadOnlyCollection<StorePath> references,
        CancellationToken cancellationToken
    )
    {
        using var run = new Run(path, method, algorithm, references, scan: false);
        await NarFeed.FromArchiveAsync(archive, run.Through(new Nowhere()), run.Sinks, cancellationToken);
        return run.Result();
    }

    static async Task<ContentCheck> OfDiskAsync(Run run, string location, CancellationToken cancellationToken)
    {
        using (run)
        {
            await NarFeed.FromDiskAsync(location, run.Sinks, cancellationToken, run.Through);
            return run.Result();
        }
    }

    /// <summary>The hashes of one check while the object is read.</summary>
    sealed class Run : IDisposable
    {
        readonly StorePath _path;
        readonly ContentMethod _method;
        readonly string _algorithm;
        readonly IReadOnlyCollection<StorePath> _given;
        readonly ReferenceScanner? _scanner;
        readonly NarHasher _nar;

        // Of the file for flat and text, of Git's objects, and of the archive where that is not hashed by SHA-256 anyway.
        readonly ContentHasher? _other;
        GitHasher? _git;

        public Run(StorePath path, ContentMethod method, string algorithm, IReadOnlyCollection<StorePath> references, bool scan)
        {
            if (!ContentAddress.Allows(method, algorithm))
            {
                throw new MalformedException($"there is no content address of method {method} under {algorithm}");
            }
            if (references.Any(reference => reference.StoreDir != path.StoreDir))
            {
                throw new MalformedException("a reference is in another store directory");
            }
            (_path, _method, _algorithm, _given) = (path, method, algorithm, references);
            _nar = new NarHasher(path);
            _other = method == ContentMethod.Nar && algorithm == "sha256" ? null : ContentHasher.Create(algorithm);
            _scanner = scan ? new ReferenceScanner(references) : null;
            Sinks =
            [
                _nar,
                .. _scanner is null ? Array.Empty<IByteSink>() : [_scanner],
                .. _method == ContentMethod.Nar && _other is not null ? [_other] : Array.Empty<IByteSink>(),
            ];
        }

        public IReadOnlyList<IByteSink> Sinks { get; }

        public INarVisitor Through(INarVisitor inner) =>
            _method switch
            {
                ContentMethod.Nar => inner,
                ContentMethod.Git => _git = new GitHasher(inner, _other!),
                _ => new FileHasher(inner, _other!),
            };

        public ContentCheck Result()
        {
            _nar.Complete();
            var self = _nar.SelfReferences.Count > 0;
            var hash = _git?.Root ?? _other?.Finish();
            StorePath[] others = [.. (_scanner?.Found ?? _given).Where(reference => reference != _path).Distinct().Order()];
            return new ContentCheck
            {
                Path = _path,
                NarHash = _nar.Hash,
                NarSize = _nar.Size,
                References = self ? [.. others.Append(_path).Order()] : others,
                Addresses =
                [
                    .. Enum.GetValues<SelfReferenceEra>().Select(era => Addressed(era, hash ?? _nar.Modulo(era).ToArray(), others, self)),
                ],
            };
        }

        AddressedContent Addressed(SelfReferenceEra era, byte[] hash, StorePath[] references, bool self)
        {
            var address = new ContentAddress(_method, _algorithm, hash);
            try
            {
                var path = ContentAddressing.PathOf(address, references, self, _path.StoreDir, _path.Name);
                return new AddressedContent(address, path, self ? era : null);
            }
            catch (FormatException e)
            {
                throw new UnaddressableException($"{_path}: {e.Message}", e);
            }
        }

        public void Dispose()
        {
            _nar.Dispose();
            _other?.Dispose();
        }
    }
}

/// <summary>A content address and the path that it gives the object.</summary>
/// <param name="Era">Of an object that refers to itself; null for others, which every version of Nix hashes alike.</param>
public sealed record AddressedContent(ContentAddress Address, StorePath Path, SelfReferenceEra? Era);

/// <summary>The object is not of the kind that its content address is made of, so it is not what the address says.</summary>
public sealed class UnaddressableException : MalformedException
{
    public UnaddressableException() { }

    public UnaddressableException(string message)
        : base(message) { }

    public UnaddressableException(string message, Exception inner)
        : base(message, inner) { }
}

/// <summary>The end of a chain of visitors.</summary>
sealed class Nowhere : INarVisitor
{
    public void BeginFile(bool executable, ulong length) { }

    public void Contents(ReadOnlySpan<byte> piece) { }

    public void EndFile() { }

    public void Link(ReadOnlySpan<byte> target) { }

    public void BeginFolder() { }

    public void Entry(ReadOnlySpan<byte> name) { }

    public void EndFolder() { }

    public ValueTask DrainAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;
}
