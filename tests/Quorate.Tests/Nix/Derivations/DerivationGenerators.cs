using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Quorate.Core;
using Quorate.Core.Encodings;
using Quorate.Nix;
using Quorate.Nix.Derivations;

namespace Quorate.Tests.Nix.Derivations;

/// <summary>Random derivations of every kind.</summary>
static class DerivationGenerators
{
    static readonly string[] s_outputs = ["bin", "dev", "out", "a_b", "x+y"];

    public static Gen<DerivationParts> Parts() =>
        from kind in Gen.Elements(Enum.GetValues<DerivationKind>())
        from outputs in Outputs(kind)
        from inputs in Some(Input(), input => input.Derivation)
        from sources in Some(Path("src"), path => path)
        from builder in Bytes()
        from arguments in Gen.ListOf(Bytes())
        from environment in Some(Variable(), variable => Encoding.Latin1.GetString(variable.Name.Span))
        select new DerivationParts
        {
            StoreDir = StorePath.DefaultStoreDir,
            Outputs = [.. outputs],
            Inputs = [.. inputs],
            Sources = [.. sources],
            System = "x86_64-linux"u8.ToArray(),
            Builder = builder,
            Arguments = [.. arguments],
            Environment = [.. environment],
        };

    public static Gen<StorePath> Path(string name) =>
        from number in Gen.Choose(0, 1_000_000)
        select DerivationSamples.Path(
            Nix32.Encode(Sha256Digest.HashData(Encoding.ASCII.GetBytes($"{number}")).AsSpan()[..20]) + "-" + name
        );

    /// <summary>Any bytes, those that need an escape and slashes often.</summary>
    public static Gen<ReadOnlyMemory<byte>> Bytes() =>
        from bytes in Gen.ListOf(
            Gen.Frequency(
                (3, Gen.Elements("\"\\\n\r\t/"u8.ToArray())),
                (3, Gen.Choose('a', 'z').Select(c => (byte)c)),
                (1, Gen.Choose(0, 255).Select(c => (byte)c))
            )
        )
        select (ReadOnlyMemory<byte>)bytes.ToArray();

    static Gen<EnvironmentVariable> Variable() => from name in Bytes() from value in Bytes() select new EnvironmentVariable(name, value);

    static Gen<DerivationInput> Input() =>
        from path in Path("in.drv")
        from outputs in Names()
        from dynamic in Gen.Frequency((4, Gen.Constant<DynamicInput[]>([])), (1, Dynamic()))
        select new DerivationInput(path, [.. outputs], [.. dynamic]);

    static Gen<DynamicInput[]> Dynamic() =>
        from output in Gen.Elements(s_outputs)
        from used in Names()
        from deeper in Gen.Elements(false, true)
        select new DynamicInput[] { new(output, [.. used], deeper ? [new DynamicInput("out", ["out"], [])] : []) };

    static Gen<string[]> Names() => from names in Gen.NonEmptyListOf(Gen.Elements(s_outputs)) select names.Distinct().ToArray();

    static Gen<DerivationOutput[]> Outputs(DerivationKind kind) =>
        from names in Names()
        from path in Path("o")
        from algorithm in Gen.Elements("sha256", "r:sha256", "r:sha512", "text:sha256", "git:sha1", "md5", "r:blake3")
        select kind switch
        {
            DerivationKind.InputAddressed => [.. names.Select(name => new DerivationOutput(name, path, "", ""))],
            DerivationKind.FixedOutput => [new DerivationOutput("out", path, "r:sha1", new string('a', 40))],
            DerivationKind.Floating => [.. names.Select(name => new DerivationOutput(name, null, algorithm, ""))],
            DerivationKind.Impure => [.. names.Select(name => new DerivationOutput(name, null, algorithm, "impure"))],
            _ => names.Select(name => new DerivationOutput(name, null, "", "")).ToArray(),
        };

    static Gen<T[]> Some<T, TKey>(Gen<T> one, Func<T, TKey> key) => Gen.ListOf(one).Select(list => list.DistinctBy(key).ToArray());
}
