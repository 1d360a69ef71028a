using Quorate.Crypto.Keys;
using Quorate.Crypto.Notes;
using Quorate.EndToEnd.Node;
using Quorate.EndToEnd.Programs;

namespace Quorate.EndToEnd.NixTraces;

/// <summary>A real <c>quorated</c> that is nothing but a witness. It is known to others before it runs.</summary>
sealed class WitnessProcess : IAsyncDisposable
{
    const string Name = "wit.example";

    readonly string _home;
    readonly string _url;
    NodeProcess? _node;

    WitnessProcess(string home, string url, string key) => (_home, _url, Key) = (home, url, key);

    /// <summary>Its verifier key, of type <c>cosignature/v1</c>.</summary>
    public string Key { get; }

    /// <summary>How others name it: lines of their configuration.</summary>
    public string Known => $"witnesses:\n  wit: {{ key: \"{Key}\", url: \"{_url}\" }}\n";

    public static async Task<WitnessProcess> PrepareAsync(TemporaryFolder folder)
    {
        var home = Directory.CreateDirectory(folder["witness"]).FullName;
        var file = Path.Combine(home, "wit.key");
        (await BuiltProgram.QuorateAsync("key", "new", file)).MustSucceed();
        using var key = KeyFiles.ReadPrivate(file).Key;
        var url = $"http://127.0.0.1:{NodeProcess.FreePort()}";
        return new WitnessProcess(home, url, NoteVerifierKey.Cosignature(Name, key.PublicKey).ToString());
    }

    public async Task StartAsync(params IEnumerable<BuilderNode> builders)
    {
        await File.WriteAllTextAsync(
            Path.Combine(_home, "quorate.yaml"),
            $$"""
            node:
              state: state
              listen: [{{_url}}]
              control: unix://{{NodeProcess.SocketIn(_home)}}
            signers: { wit: { path: wit.key } }
            witness: { name: {{Name}}, signer: wit, logs: [{{string.Join(", ", builders.Select(b => $"\"{b.TraceLogVerifier}\""))}}] }
            """,
            TestContext.Current.CancellationToken
        );
        _node = await NodeProcess.StartAsync(_home);
    }

    public ValueTask DisposeAsync() => _node?.DisposeAsync() ?? ValueTask.CompletedTask;
}
