using System.Collections.Immutable;
using System.Text;

namespace Quorate.Nix.Derivations;

/// <summary>Reads one ATerm. Sections are recognised in their one order; everything that Nix sorts must be sorted, without duplicates.</summary>
ref struct DerivationReader
{
    /// <summary>Deepest nesting of dynamic inputs; recursion must end somewhere.</summary>
    const int MaxDynamicDepth = 16;

    static readonly ImmutableArray<string> s_out = ["out"];

    readonly string _storeDir;
    readonly StorePathPool? _paths;
    AtermReader _text;
    bool _dynamic;

    DerivationReader(ReadOnlySpan<byte> aterm, string storeDir, StorePathPool? paths)
    {
        _text = new AtermReader(aterm);
        _storeDir = storeDir;
        _paths = paths;
    }

    public static Derivation? Read(ReadOnlyMemory<byte> aterm, string storeDir, StorePathPool? paths, out string problem)
    {
        if (paths is not null && paths.StoreDir != storeDir)
        {
            throw new ArgumentException("the pool is that of another store directory", nameof(paths));
        }
        var reader = new DerivationReader(aterm.Span, storeDir, paths);
        var derivation = reader.Read(aterm);
        problem = reader._text.Problem;
        return derivation;
    }

    Derivation? Read(ReadOnlyMemory<byte> aterm)
    {
        _dynamic = _text.TryLiteral("DrvWithVersion(\"xp-dyn-drv\","u8);
        if (!_dynamic && !_text.Literal("Derive("u8))
        {
            return null;
        }
        var outputsAt = _text.Offset;
        if (!Outputs(out var outputs) || !_text.Literal(","u8))
        {
            return null;
        }
        var inputsAt = _text.Offset;
        if (!Inputs(out var inputs) || !_text.Literal(","u8))
        {
            return null;
        }
        var sourcesAt = _text.Offset;
        if (!Sources(out var sources) || !_text.Literal(","u8))
        {
            return null;
        }
        var systemAt = _text.Offset;
        if (!_text.Plain(out _) || !_text.Literal(","u8))
        {
            return null;
        }
        var builderAt = _text.Offset;
        if (!_text.Escaped(out _) || !_text.Literal(","u8))
        {
            return null;
        }
        var argumentsAt = _text.Offset;
        if (!Arguments() || !_text.Literal(","u8))
        {
            return null;
        }
        var environmentAt = _text.Offset;
        if (!Environment(out var namesHaveSlash) || !_text.Literal(")"u8))
        {
            return null;
        }
        if (!_text.AtEnd)
        {
            _text.Fail("something follows the derivation");
            return null;
        }
        var layout = new Derivation.Layout(outputsAt, inputsAt, sourcesAt, systemAt, builderAt, argumentsAt, environmentAt, namesHaveSlash);
        return new Derivation(aterm, layout, _storeDir)
        {
            Outputs = outputs,
            Inputs = inputs,
            Sources = sources,
            HasDynamicInputs = _dynamic,
        };
    }

    bool Outputs(out ImmutableArray<DerivationOutput> outputs)
    {
        outputs = [];
        if (!_text.Literal("["u8))
        {
            return false;
        }
        var list = new List<DerivationOutput>(1);
        do
        {
            if (
                !_text.Literal("("u8)
                || !Name(out var name)
                || !_text.Literal(","u8)
                || !_text.Plain(out var pathText)
                || !_text.Literal(","u8)
                || !_text.Plain(out var algorithm)
                || !_text.Literal(","u8)
                || !_text.Plain(out var hash)
                || !_text.Literal(")"u8)
            )
            {
                return false;
            }
            StorePath? path = null;
            if (!pathText.IsEmpty && !TryPath(pathText, out path))
            {
                return _text.Fail($"the path of output {name} is not a path in {_storeDir}");
            }
            var output = new DerivationOutput(name, path, Text(algorithm), Text(hash));
            if (!output.IsValid || (list.Count > 0 && output.Kind != list[0].Kind))
            {
                return _text.Fail($"output {name} is of no known kind, or of another kind than the first");
            }
            if (list.Count > 0 && string.CompareOrdinal(list[^1].Name, name) >= 0)
            {
                return _text.Fail("outputs are not sorted, or one occurs twice");
            }
            list.Add(output);
        } while (_text.TryLiteral(","u8));
        if (list[0].Kind == DerivationKind.FixedOutput && (list.Count > 1 || list[0].Name != "out"))
        {
            return _text.Fail("a fixed-output derivation has one output, `out`");
        }
        outputs = [.. list];
        return _text.Literal("]"u8);
    }

    bool Inputs(out ImmutableArray<DerivationInput> inputs)
    {
        inputs = [];
        if (!_text.Literal("["u8))
        {
            return false;
        }
        var list = new List<DerivationInput>();
        if (!_text.TryLiteral("]"u8))
        {
            do
            {
                if (!_text.Literal("("u8) || !Path(out var path) || !_text.Literal(","u8))
                {
                    return false;
                }
                if (list.Count > 0 && list[^1].Derivation >= path)
                {
                    return _text.Fail("input derivations are not sorted, or one occurs twice");
                }
                if (!DerivationPaths.TryNameOf(path, out _))
                {
                    return _text.Fail($"input {path.BaseName} is not a derivation");
                }
                if (!Node(0, out var outputs, out var dynamic) || !_text.Literal(")"u8))
                {
                    return false;
                }
                list.Add(new DerivationInput(path, outputs, dynamic));
            } while (_text.TryLiteral(","u8));
            if (!_text.Literal("]"u8))
            {
                return false;
            }
        }
        // Nix prints the other head when, and only when, some input is dynamic.
        if (_dynamic != list.Exists(input => !input.Dynamic.IsEmpty))
        {
            return _text.Fail("the head does not fit the inputs");
        }
        inputs = [.. list];
        return true;
    }

    /// <summary>Output names, or output names and what is used of outputs that are derivations.</summary>
    bool Node(int depth, out ImmutableArray<string> outputs, out ImmutableArray<DynamicInput> dynamic)
    {
        outputs = [];
        dynamic = [];
        if (!_dynamic || !_text.TryLiteral("("u8))
        {
            return Names(out outputs) && (!outputs.IsEmpty || _text.Fail("an input of which nothing is used"));
        }
        if (depth == MaxDynamicDepth)
        {
            return _text.Fail($"dynamic inputs are nested deeper than {MaxDynamicDepth}");
        }
        if (!Names(out outputs) || !_text.Literal(",["u8))
        {
            return false;
        }
        var list = new List<DynamicInput>();
        do
        {
            if (
                !_text.Literal("("u8)
                || !Name(out var name)
                || !_text.Literal(","u8)
                || !Node(depth + 1, out var used, out var further)
                || !_text.Literal(")"u8)
            )
            {
                return false;
            }
            if (list.Count > 0 && string.CompareOrdinal(list[^1].Output, name) >= 0)
            {
                return _text.Fail("dynamic inputs are not sorted, or one occurs twice");
            }
            list.Add(new DynamicInput(name, used, further));
        } while (_text.TryLiteral(","u8));
        dynamic = [.. list];
        return _text.Literal("])"u8);
    }

    bool Names(out ImmutableArray<string> names)
    {
        if (_text.TryLiteral("[\"out\"]"u8))
        {
            names = s_out;
            return true;
        }
        names = [];
        if (!_text.Literal("["u8))
        {
            return false;
        }
        if (_text.TryLiteral("]"u8))
        {
            return true;
        }
        var list = new List<string>(2);
        do
        {
            if (!Name(out var name))
            {
                return false;
            }
            if (list.Count > 0 && string.CompareOrdinal(list[^1], name) >= 0)
            {
                return _text.Fail("output names are not sorted, or one occurs twice");
            }
            list.Add(name);
        } while (_text.TryLiteral(","u8));
        names = [.. list];
        return _text.Literal("]"u8);
    }

    bool Sources(out ImmutableArray<StorePath> sources)
    {
        sources = [];
        if (!_text.Literal("["u8))
        {
            return false;
        }
        if (_text.TryLiteral("]"u8))
        {
            return true;
        }
        var list = new List<StorePath>();
        do
        {
            if (!Path(out var path))
            {
                return false;
            }
            if (list.Count > 0 && list[^1] >= path)
            {
                return _text.Fail("sources are not sorted, or one occurs twice");
            }
            list.Add(path);
        } while (_text.TryLiteral(","u8));
        sources = [.. list];
        return _text.Literal("]"u8);
    }

    bool Arguments()
    {
        if (!_text.Literal("["u8))
        {
            return false;
        }
        if (_text.TryLiteral("]"u8))
        {
            return true;
        }
        do
        {
            if (!_text.Escaped(out _))
            {
                return false;
            }
        } while (_text.TryLiteral(","u8));
        return _text.Literal("]"u8);
    }

    bool Environment(out bool namesHaveSlash)
    {
        namesHaveSlash = false;
        if (!_text.Literal("["u8))
        {
            return false;
        }
        if (_text.TryLiteral("]"u8))
        {
            return true;
        }
        ReadOnlySpan<byte> previous = default;
        var first = true;
        do
        {
            if (
                !_text.Literal("("u8)
                || !_text.Escaped(out var name)
                || !_text.Literal(","u8)
                || !_text.Escaped(out _)
                || !_text.Literal(")"u8)
            )
            {
                return false;
            }
            if (!first && Aterm.Compare(previous, name) >= 0)
            {
                return _text.Fail("the environment is not sorted, or a variable occurs twice");
            }
            namesHaveSlash |= name.Contains((byte)'/');
            previous = name;
            first = false;
        } while (_text.TryLiteral(","u8));
        return _text.Literal("]"u8);
    }

    bool Path(out StorePath path)
    {
        path = null!;
        return _text.Plain(out var text) && (TryPath(text, out path!) || _text.Fail($"not a path in {_storeDir}"));
    }

    readonly bool TryPath(ReadOnlySpan<byte> text, out StorePath? path)
    {
        if (_paths is not null)
        {
            return _paths.TryGet(text, out path);
        }
        return StorePathPool.TryParse(text, _storeDir, out path);
    }

    bool Name(out string name)
    {
        name = "";
        if (!_text.Plain(out var text))
        {
            return false;
        }
        // No output's name is longer than the name of its path.
        name = text.Length <= StorePath.MaxNameLength ? Text(text) : "";
        return StorePath.IsName(name) || _text.Fail("not an output's name");
    }

    /// <summary>The few texts that nearly all derivations use are made once.</summary>
    static string Text(ReadOnlySpan<byte> bytes) =>
        bytes.Length switch
        {
            0 => "",
            3 when bytes.SequenceEqual("out"u8) => "out",
            3 when bytes.SequenceEqual("dev"u8) => "dev",
            3 when bytes.SequenceEqual("lib"u8) => "lib",
            3 when bytes.SequenceEqual("bin"u8) => "bin",
            3 when bytes.SequenceEqual("man"u8) => "man",
            3 when bytes.SequenceEqual("doc"u8) => "doc",
            6 when bytes.SequenceEqual("sha256"u8) => "sha256",
            8 when bytes.SequenceEqual("r:sha256"u8) => "r:sha256",
            // Latin-1 keeps bytes outside ASCII apart, for the rules of names and hashes to refuse.
            _ => Encoding.Latin1.GetString(bytes),
        };
}
