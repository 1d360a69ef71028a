using System.Text;
using Quorate.Core;
using Quorate.Nix;
using Quorate.Nix.Derivations;
using Quorate.Nix.Nar;
using Quorate.Nix.Store;
using Quorate.Nix.Traces;

namespace Quorate.Tests.Nix.Traces;

/// <summary>A store on disk with one built, resolved derivation <c>a</c> of outputs <c>out</c> and <c>dev</c>, and what Nix would say of it.</summary>
sealed class LabBuild
{
    const string Any = "00000000000000000000000000000000";

    readonly Dictionary<StorePath, PathFacts> _facts = [];

    LabBuild(string root) => Root = root;

    /// <summary>The logical store is below it.</summary>
    public string Root { get; }

    public StorePath Derivation { get; private set; } = null!;

    public StorePath Out { get; private set; } = null!;

    public StorePath Dev { get; private set; } = null!;

    public StorePath Source { get; private set; } = null!;

    public IReadOnlyList<StorePath> Paths => Dev is null ? [Out] : [Out, Dev];

    /// <summary>An input-addressed derivation without inputs and its output.</summary>
    /// <param name="withSource">Whether it has a <see cref="Source"/>.</param>
    /// <param name="reference">What that refers to.</param>
    public static async Task<LabBuild> CreateInputAddressedAsync(string root, bool withSource = false, StorePath? reference = null)
    {
        var build = new LabBuild(root);
        Directory.CreateDirectory(root + StorePath.DefaultStoreDir);
        var sources = "[]";
        if (withSource)
        {
            build.Source = await build.AddAsync("source", ContentMethod.Nar, folder: true, reference is null ? [] : [reference]);
            sources = $"""["{build.Source}"]""";
        }
        // The path follows from the derivation with its own output blanked.
        var draft = Quorate.Nix.Derivations.Derivation.Parse(
            Aterm($"""[("out","{StorePath.DefaultStoreDir}/{Any}-ia","","")]""", "[]", "ia", sources: sources),
            StorePath.DefaultStoreDir
        );
        build.Out = new ModuloHashes(_ => null).TryMasked(draft, "ia", out var masked, out var problem)
            ? DerivationPaths.InputAddressed("out", masked.Digest, StorePath.DefaultStoreDir, "ia")
            : throw new InvalidOperationException(problem);
        await File.WriteAllTextAsync(build.OnDisk(build.Out), $"I am {build.Out}");
        var (hash, size) = await NarFeed.HashAsync(build.OnDisk(build.Out), CancellationToken.None);
        build._facts[build.Out] = new PathFacts(new NixClaim(build.Out, hash, size, [build.Out]), Deriver: null);
        build.Derivation = build.AddDerivation($"""[("out","{build.Out}","","")]""", "[]", "ia", sources: sources);
        return build;
    }

    /// <summary>Two derivations differ in their <paramref name="outputs"/> text, which is the first section of an ATerm.</summary>
    public static async Task<LabBuild> CreateAsync(
        string root,
        string outputs = """[("dev","","r:sha256",""),("out","","sha256","")]""",
        string inputs = "[]",
        string name = "a",
        string salt = ""
    )
    {
        var build = new LabBuild(root);
        Directory.CreateDirectory(root + StorePath.DefaultStoreDir);
        build.Dev = await build.AddAsync($"{name}-dev", ContentMethod.Nar, folder: true);
        build.Out = await build.AddAsync(name, ContentMethod.Flat, folder: false);
        build.Derivation = build.AddDerivation(outputs, inputs, name, salt);
        return build;
    }

    public BuildExamination Examination(TraceFormat? inputAddressed = null) => new(FactsAsync, Root, inputAddressed);

    /// <summary>From now on Nix says which derivation made a path.</summary>
    public void MadeBy(StorePath path, StorePath deriver) => _facts[path] = _facts[path] with { Deriver = deriver.ToString() };

    /// <summary>From now on Nix knows nothing of a path.</summary>
    public void Forget(StorePath path) => _facts.Remove(path);

    public string OnDisk(StorePath path) => Root + path;

    public Task<IReadOnlyList<PathFacts>> FactsAsync(IReadOnlyList<StorePath> paths, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<PathFacts>>([
            .. paths.Select(path => _facts.GetValueOrDefault(path) ?? throw new NixStoreException($"{path} is not valid")),
        ]);

    /// <summary>A program that answers as <c>nix-store</c> does for this store: it tells outputs only when it is to realise them, building nothing.</summary>
    public string WriteNixStore(string file)
    {
        var script = new StringBuilder("#!/bin/sh\njobs=\nwhile :; do case \"$1\" in\n");
        script.Append("--option) [ \"$2\" != max-jobs ] || jobs=$3; shift 3 ;;\n--store) shift 2 ;;\n*) break ;;\nesac; done\n");
        script.Append("case \"$1\" in\n--version) echo 'nix-store (Nix) 2.34.8' ;;\n");
        script.Append(
            "--query) [ \"$3\" = --force-realise ] && [ \"$jobs\" = 0 ] || { echo 'error: Cannot use output path' >&2; exit 1; }\n"
        );
        script.Append("printf '%s\\n' ").AppendJoin(' ', Paths).Append(" ;;\n");
        script.Append("--dump-db) shift; for p; do case \"$p\" in\n");
        foreach (var fact in _facts.Values)
        {
            script.Append($"{fact.Claim.Path}) printf '%s\\n' \"$p\" {fact.Claim.NarHash} {fact.Claim.NarSize} '{fact.Deriver}'");
            script.Append($" {fact.Claim.References.Count} ").AppendJoin(' ', fact.Claim.References).Append(" ;;\n");
        }
        script.Append("*) echo \"error: path '$p' is not valid\" >&2; exit 1 ;;\nesac; done ;;\nesac\n");
        File.WriteAllText(file, script.ToString());
        File.SetUnixFileMode(file, (UnixFileMode)0b111_101_101);
        return file;
    }

    /// <summary>From now on the program does not know the outputs either.</summary>
    public void ForgetOutputs(string file) =>
        File.WriteAllText(file, File.ReadAllText(file).Replace("--force-realise", "--never", StringComparison.Ordinal));

    public StorePath AddDerivation(string outputs, string inputs, string name, string salt = "", string sources = "[]")
    {
        var aterm = Aterm(outputs, inputs, name, salt, sources);
        var derivation = Quorate.Nix.Derivations.Derivation.Parse(aterm, StorePath.DefaultStoreDir);
        var path = DerivationPaths.Of(derivation, name);
        File.WriteAllBytes(OnDisk(path), aterm);
        return path;
    }

    /// <summary>Latin-1, so that there can be bytes in it that are no text.</summary>
    static byte[] Aterm(string outputs, string inputs, string name, string salt = "", string sources = "[]") =>
        Encoding.Latin1.GetBytes(
            $$"""Derive({{outputs}},{{inputs}},{{sources}},"x86_64-linux","/bin/sh",["{{salt}}"],[("name","{{name}}")])"""
        );

    async Task<StorePath> AddAsync(string name, ContentMethod method, bool folder, params StorePath[] references)
    {
        var unknown = StorePath.Parse($"{StorePath.DefaultStoreDir}/{Any}-{name}");
        if (folder)
        {
            Directory.CreateDirectory(OnDisk(unknown));
        }
        File.WriteAllText(
            folder ? Path.Combine(OnDisk(unknown), "file") : OnDisk(unknown),
            string.Join('\n', references.Select(r => r.ToString()).Prepend(name))
        );
        File.SetUnixFileMode(
            folder ? Path.Combine(OnDisk(unknown), "file") : OnDisk(unknown),
            UnixFileMode.UserRead | UnixFileMode.UserWrite
        );
        var check = await ContentCheck.WithReferencesAsync(unknown, OnDisk(unknown), method, "sha256", references, CancellationToken.None);
        var path = check.Addresses[0].Path;
        Directory.Move(OnDisk(unknown), OnDisk(path));
        _facts[path] = new PathFacts(new NixClaim(path, check.NarHash, check.NarSize, references), Deriver: null);
        return path;
    }

    /// <summary>Registers the hash of what is on disk now, as an attacker who can write to Nix's database would.</summary>
    public async Task RegisterAgainAsync(StorePath path, ContentMethod method)
    {
        var check = await ContentCheck.WithReferencesAsync(path, OnDisk(path), method, "sha256", [], CancellationToken.None);
        _facts[path] = new PathFacts(new NixClaim(path, check.NarHash, check.NarSize, []), Deriver: null);
    }
}
