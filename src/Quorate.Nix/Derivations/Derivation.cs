using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using Quorate.Core;

namespace Quorate.Nix.Derivations;

/// <summary>
/// A derivation as its ATerm states it. Only canonical ones exist: what would print differently from what was read is refused, so the
/// bytes are the derivation. Immutable; keeps the bytes and decodes arguments and environment when they are asked for.
/// </summary>
public sealed class Derivation
{
    /// <summary>Longest ATerm that is looked at, in bytes.</summary>
    public const int MaxBytes = 64 << 20;

    readonly ReadOnlyMemory<byte> _aterm;
    readonly Layout _layout;

    // Decoded on first use; two threads may both do it, with the same result.
    ImmutableArray<EnvironmentVariable> _environment;

    internal Derivation(ReadOnlyMemory<byte> aterm, in Layout layout, string storeDir)
    {
        _aterm = aterm;
        _layout = layout;
        StoreDir = storeDir;
    }

    public string StoreDir { get; }

    /// <summary>Sorted by name; at least one.</summary>
    public required ImmutableArray<DerivationOutput> Outputs { get; init; }

    /// <summary>Sorted by path.</summary>
    public required ImmutableArray<DerivationInput> Inputs { get; init; }

    /// <summary>Input sources, sorted.</summary>
    public required ImmutableArray<StorePath> Sources { get; init; }

    public DerivationKind Kind => Outputs[0].Kind;

    /// <summary>Whether an input is an output of a derivation that an input builds.</summary>
    public required bool HasDynamicInputs { get; init; }

    public ReadOnlyMemory<byte> System => _aterm[(_layout.System + 1)..(_layout.Builder - 2)];

    public ReadOnlyMemory<byte> Builder => Aterm.Unescape(_aterm[(_layout.Builder + 1)..(_layout.Arguments - 2)]);

    public ImmutableArray<ReadOnlyMemory<byte>> Arguments
    {
        get
        {
            var arguments = ImmutableArray.CreateBuilder<ReadOnlyMemory<byte>>();
            var section = _aterm[_layout.Arguments.._layout.Environment];
            var reader = new AtermReader(section.Span);
            reader.Literal("["u8);
            while (!reader.TryLiteral("]"u8))
            {
                reader.TryLiteral(","u8);
                arguments.Add(Next(section, ref reader));
            }
            return arguments.ToImmutable();
        }
    }

    /// <summary>Sorted by name, bytewise.</summary>
    public ImmutableArray<EnvironmentVariable> Environment
    {
        get
        {
            if (_environment.IsDefault)
            {
                var decoded = DecodeEnvironment();
                ImmutableInterlocked.InterlockedInitialize(ref _environment, decoded);
            }
            return _environment;
        }
    }

    /// <summary>The exact bytes.</summary>
    public ReadOnlyMemory<byte> AtermBytes => _aterm;

    internal Layout Sections => _layout;

    /// <summary>Parses the whole of <paramref name="aterm"/>, which must not change afterwards.</summary>
    /// <param name="storeDir">Where every path must lie.</param>
    /// <param name="problem">Why not, with the offset.</param>
    /// <param name="paths">Shares equal paths between the derivations of a closure.</param>
    public static bool TryParse(
        ReadOnlyMemory<byte> aterm,
        string storeDir,
        [NotNullWhen(true)] out Derivation? derivation,
        out string problem,
        StorePathPool? paths = null
    )
    {
        if (aterm.Length > MaxBytes)
        {
            derivation = null;
            problem = $"a derivation of {aterm.Length} bytes is over the limit of {MaxBytes}";
            return false;
        }
        derivation = DerivationReader.Read(aterm, storeDir, paths, out problem);
        return derivation is not null;
    }

    /// <exception cref="MalformedException">Not a canonical derivation.</exception>
    public static Derivation Parse(ReadOnlyMemory<byte> aterm, string storeDir) =>
        TryParse(aterm, storeDir, out var derivation, out var problem) ? derivation : throw new MalformedException(problem);

    /// <summary>The output of this name; null where the derivation has none.</summary>
    public DerivationOutput? Output(string name) => Outputs.FirstOrDefault(output => output.Name == name);

    /// <summary>False where the environment has no such variable.</summary>
    public bool TryEnvironment(ReadOnlySpan<byte> name, out ReadOnlyMemory<byte> value)
    {
        foreach (var variable in Environment)
        {
            if (variable.Name.Span.SequenceEqual(name))
            {
                value = variable.Value;
                return true;
            }
        }
        value = default;
        return false;
    }

    public byte[] ToAterm() => _aterm.ToArray();

    ImmutableArray<EnvironmentVariable> DecodeEnvironment()
    {
        var variables = ImmutableArray.CreateBuilder<EnvironmentVariable>();
        var section = _aterm[_layout.Environment..];
        var reader = new AtermReader(section.Span);
        reader.Literal("["u8);
        while (!reader.TryLiteral("]"u8))
        {
            reader.TryLiteral(","u8);
            reader.Literal("("u8);
            var name = Next(section, ref reader);
            reader.Literal(","u8);
            variables.Add(new EnvironmentVariable(name, Next(section, ref reader)));
            reader.Literal(")"u8);
        }
        return variables.ToImmutable();
    }

    // The section was read once before, so nothing can fail here.
    static ReadOnlyMemory<byte> Next(ReadOnlyMemory<byte> section, ref AtermReader reader)
    {
        var start = reader.Offset + 1;
        reader.Escaped(out var raw);
        return Aterm.Unescape(section.Slice(start, raw.Length));
    }

    /// <summary>Offsets of the sections' first bytes in the ATerm; a comma is before each.</summary>
    [StructLayout(LayoutKind.Auto)]
    internal readonly record struct Layout(
        int Outputs,
        int Inputs,
        int Sources,
        int System,
        int Builder,
        int Arguments,
        int Environment,
        bool NamesHaveSlash
    );
}
