using Quorate.Nix;
using Quorate.Nix.Derivations;
using Quorate.Nix.Traces;
using Quorate.Nix.Verification;

namespace Quorate.Conformance.NixBuildTraces;

/// <summary>Trace objects in memory, which a test may change.</summary>
sealed class MemoryTraces : ITraceSource
{
    readonly Dictionary<ResolvedInputHash, byte[]> _objects = [];

    public string Name => "memory";

    public IReadOnlyCollection<ResolvedInputHash> Hashes => _objects.Keys;

    /// <summary>The files of a <c>traces</c> directory, named by resolved input hash.</summary>
    public static MemoryTraces Of(string directory)
    {
        var traces = new MemoryTraces();
        foreach (var file in Directory.EnumerateFiles(directory))
        {
            traces._objects[ResolvedInputHash.Parse(Path.GetFileName(file))] = File.ReadAllBytes(file);
        }
        return traces;
    }

    public byte[] this[string hash]
    {
        get => _objects[ResolvedInputHash.Parse(hash)];
        set => _objects[ResolvedInputHash.Parse(hash)] = value;
    }

    public void Remove(string hash) => _objects.Remove(ResolvedInputHash.Parse(hash));

    public Task<TraceLookup> FindAsync(ResolvedInputHash input, CancellationToken cancellationToken) =>
        Task.FromResult(
            !_objects.TryGetValue(input, out var bytes) ? TraceLookup.Absent
            : TraceObject.TryRead(bytes, out var traces, out var problem) ? new TraceLookup.Found([traces], [])
            : (TraceLookup)new TraceLookup.Unavailable(problem)
        );
}

/// <summary>Derivations in memory.</summary>
sealed class MemoryDerivations(IReadOnlyDictionary<StorePath, byte[]> aterms) : IDerivationSource
{
    public byte[]? Read(StorePath derivation) => aterms.GetValueOrDefault(derivation);
}
