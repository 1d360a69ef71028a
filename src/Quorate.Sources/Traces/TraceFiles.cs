using Quorate.Nix.Derivations;
using Quorate.Nix.Traces;

namespace Quorate.Sources.Traces;

/// <summary>
/// Loose files of traces, one or a folder of them: read once, kept in memory, and found by the input that each trace names. A file that holds no traces is an
/// error; a trace that does not say what it is about is left out and told. Immutable, so thread-safe.
/// </summary>
public sealed class TraceFiles : ITraceSource, ITraceLeftovers
{
    /// <summary>Files of a folder.</summary>
    public const int MaxFiles = 65_536;

    /// <summary>All files of a folder together.</summary>
    public const long MaxBytes = 1L << 30;

    readonly Dictionary<ResolvedInputHash, List<ReadOnlyMemory<byte>>> _byInput = [];
    readonly List<TraceRefusal> _leftOut = [];
    long _bytes;

    TraceFiles(string name) => Name = name;

    public string Name { get; }

    public IReadOnlyList<TraceRefusal> LeftOut => _leftOut;

    /// <param name="path">A file, or a folder, of which all files count but hidden ones; folders in it are not entered.</param>
    /// <exception cref="IOException">It cannot be read, holds no traces, or is over a limit.</exception>
    public static TraceFiles Open(string path, CancellationToken cancellationToken)
    {
        var source = new TraceFiles(path);
        try
        {
            foreach (var file in Directory.Exists(path) ? Files(path) : [path])
            {
                cancellationToken.ThrowIfCancellationRequested();
                source.Add(file);
            }
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException(e.Message, e);
        }
        return source;
    }

    public Task<TraceLookup> FindAsync(ResolvedInputHash input, CancellationToken cancellationToken) =>
        Task.FromResult(
            _byInput.TryGetValue(input, out var elements)
                ? new TraceLookup.Found([TraceObject.OfElements(elements)], [])
                : TraceLookup.Absent
        );

    static string[] Files(string folder)
    {
        var files = Directory
            .EnumerateFiles(folder)
            .Where(file => !Path.GetFileName(file).StartsWith('.'))
            .Take(MaxFiles + 1)
            .Order(StringComparer.Ordinal)
            .ToArray();
        return files.Length switch
        {
            0 => throw new IOException($"{folder}: there is no file in it"),
            > MaxFiles => throw new IOException($"{folder}: more than {MaxFiles} files"),
            _ => files,
        };
    }

    void Add(string file)
    {
        var bytes = Read(file);
        if ((_bytes += bytes.Length) > MaxBytes)
        {
            throw new IOException($"{Name}: more than {MaxBytes} bytes");
        }
        if (!LooseTraces.TryRead(bytes, out var traces, out var problem))
        {
            throw new IOException($"{file}: {problem}");
        }
        for (var i = 0; i < traces.Elements.Count; i++)
        {
            var element = traces.Elements[i];
            if (LooseTraces.TryFile(element, out var input) is { } refusal)
            {
                _leftOut.Add(refusal with { Detail = $"{file}: trace {i + 1}: {refusal.Detail}" });
            }
            else if (_byInput.TryGetValue(input!.Value, out var known))
            {
                known.Add(element.Raw);
            }
            else
            {
                _byInput.Add(input.Value, [element.Raw]);
            }
        }
    }

    /// <summary>Read to its end, not by its length: it may be a pipe.</summary>
    static byte[] Read(string file)
    {
        using var stream = File.OpenRead(file);
        using var bytes = new MemoryStream();
        var buffer = new byte[1 << 16];
        for (int count; (count = stream.Read(buffer)) > 0; )
        {
            if (bytes.Length + count > TraceObject.MaxBytes)
            {
                throw new IOException($"{file} is larger than {TraceObject.MaxBytes} bytes");
            }
            bytes.Write(buffer, 0, count);
        }
        return bytes.ToArray();
    }
}
