using Quorate.Nix.Realisations;

namespace Quorate.Sources.Traces;

public sealed partial class TraceCache
{
    public async Task<NixEntryLookup> FindAsync(DrvOutputId id, string storeDir, CancellationToken cancellationToken)
    {
        var found = NixEntryLookup.Absent;
        foreach (var name in Address.Realisation(id))
        {
            found = await ReadAsync(
                name,
                Realisation.MaxBytes,
                bytes =>
                    Realisation.TryParse(bytes, storeDir, out var realisation, out var problem)
                        ? new NixEntryLookup.Found(realisation)
                        : new NixEntryLookup.Unavailable($"{name}: {problem}"),
                cancellationToken
            );
            if (found is not NixEntryLookup.None)
            {
                break;
            }
        }
        return found;
    }

    public Task<NixEntryLookup> FindAsync(BuildTraceKey key, CancellationToken cancellationToken)
    {
        var name = Address.BuildTrace(key);
        return ReadAsync(
            name,
            BuildTraceEntry.MaxBytes,
            bytes =>
                BuildTraceEntry.TryParseValue(bytes, key, out var entry, out var problem)
                    ? new NixEntryLookup.Found(entry)
                    : new NixEntryLookup.Unavailable($"{name}: {problem}"),
            cancellationToken
        );
    }

    async Task<NixEntryLookup> ReadAsync(
        Uri name,
        int maxBytes,
        Func<ReadOnlyMemory<byte>, NixEntryLookup> parse,
        CancellationToken cancellationToken
    )
    {
        var (read, failure) = await LookUpAsync(name, maxBytes, cancellationToken);
        return read is not null ? parse(read.Bytes)
            : failure is not null ? new NixEntryLookup.Unavailable(failure)
            : NixEntryLookup.Absent;
    }
}
