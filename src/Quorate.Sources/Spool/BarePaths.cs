using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using Quorate.Nix;

namespace Quorate.Sources.Spool;

/// <summary>
/// What was built, by name only: Nix did not say at once what it is. Whoever has the time asks for the facts later and makes claims of them.
/// </summary>
/// <param name="Log">As the hook was told; empty for the node's only log of built <c>nix</c> claims. The publish filter is known by it.</param>
/// <param name="Time">When the hook ran, to the millisecond. What entered the store after that is not what was built then.</param>
/// <param name="Paths">Output paths; none when only the derivation is known, and its outputs are meant.</param>
/// <param name="Derivation">Null when Nix did not name it.</param>
/// <param name="Stores">Store URIs in the order in which to ask; null is the machine's own.</param>
/// <param name="StoreDir">The build's <c>$NIX_STORE_DIR</c>.</param>
/// <param name="StateDir">The build's <c>$NIX_STATE_DIR</c>.</param>
public sealed record BarePaths(
    string Log,
    DateTimeOffset Time,
    IReadOnlyList<StorePath> Paths,
    StorePath? Derivation,
    IReadOnlyList<string?> Stores,
    string? StoreDir,
    string? StateDir
)
{
    /// <summary>One hook run covers one derivation; more outputs than this are not a derivation's.</summary>
    public const int MaxPaths = 1_000;

    /// <summary>The build's store and a second guess, with room to spare.</summary>
    public const int MaxStores = 4;

    /// <summary>How many claims are lost with it, as far as that can be told.</summary>
    public int Count => Math.Max(1, Paths.Count);

    /// <summary>Nothing but names of paths is taken from it: the machine's own store is meant.</summary>
    public bool MeansOwnStore => StoreDir is null && StateDir is null && Stores.All(s => s is null);

    public byte[] Encode() =>
        SpoolFile.Encode(w =>
        {
            w.WriteString("log", Log);
            w.WriteNumber("time", Time.ToUnixTimeMilliseconds());
            w.WriteStartArray("paths");
            foreach (var path in Paths)
            {
                w.WriteStringValue(path.ToString());
            }
            w.WriteEndArray();
            w.WriteString("derivation", Derivation?.ToString());
            w.WriteStartArray("stores");
            foreach (var store in Stores)
            {
                w.WriteStringValue(store);
            }
            w.WriteEndArray();
            w.WriteString("storeDir", StoreDir);
            w.WriteString("stateDir", StateDir);
        });

    /// <summary>False with a sentence in <paramref name="error"/> for anything that <see cref="Encode"/> does not write exactly so.</summary>
    public static bool TryDecode(ReadOnlyMemory<byte> file, [NotNullWhen(true)] out BarePaths? paths, out string error) =>
        SpoolFile.TryDecode(file, Read, p => p.Encode(), out paths, out error);

    static BarePaths Read(JsonElement root)
    {
        var time = root.GetProperty("time").GetInt64();
        var paths = root.GetProperty("paths");
        var stores = root.GetProperty("stores");
        var derivation = root.GetProperty("derivation").GetString();
        if (time is < 0 or > 253_402_300_799_999 || paths.GetArrayLength() > MaxPaths || stores.GetArrayLength() is 0 or > MaxStores)
        {
            throw new FormatException("a time, or a number of paths or stores, that a hook never writes");
        }
        if (derivation is null && paths.GetArrayLength() == 0)
        {
            throw new FormatException("it names nothing");
        }
        return new BarePaths(
            root.GetProperty("log").GetString() ?? "",
            DateTimeOffset.FromUnixTimeMilliseconds(time),
            [.. paths.EnumerateArray().Select(p => StorePath.Parse(p.GetString() ?? ""))],
            derivation is null ? null : StorePath.Parse(derivation),
            [.. stores.EnumerateArray().Select(s => s.GetString())],
            root.GetProperty("storeDir").GetString(),
            root.GetProperty("stateDir").GetString()
        );
    }
}
