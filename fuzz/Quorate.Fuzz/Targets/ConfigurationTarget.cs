using System.Text;
using Quorate.Node.Configuration;
using Quorate.Sources.Configuration;

namespace Quorate.Fuzz.Targets;

/// <summary>A configuration file either binds or is refused with errors; nothing else may happen.</summary>
sealed class ConfigurationTarget : IFuzzTarget
{
    public string Name => "configuration";

    public IEnumerable<byte[]> Seeds =>
        [
            "node: { state: /s }\n"u8.ToArray(),
            """
            node:
              state: /var/lib/quorate
              listen: [http://127.0.0.1:8090]
              tokens: ["default:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="]
              history: { age: 7d, heads: 2000 }
              max_body: 32MiB
            signers:
              alice: { type: ed25519, path: alice.key }
            publish:
              - { name: alice, protocol: nix, signer: alice, filter: { deny: ["secret-*"] } }
            follow:
              - { builder: bob, protocol: nix, key: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", remotes: [http://127.0.0.1:8091] }
            trust:
              nix: { rule: "2 of (alice, bob)" }
            gate:
              nix: { listen: http://127.0.0.1:8098, signing_key: cache.secret, mode: report }
            """u8.ToArray(),
            """
            node: { state: /s, listen: [http://127.0.0.1:0], webhook: "https://hook.example/?a=1" }
            witnesses:
              w: { key: "witness.example/w+b58d4eee+BIqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c", url: https://w.example }
            signers: { a: { path: a.key }, b: { path: b.key } }
            publish:
              - { name: a, protocol: test, signer: a, witnesses: { require: 1, of: [{ require: 1, of: [w] }], on_failure: wait } }
            witness: { name: b, signer: b, logs: ["example.com/golden+639579fa+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c"] }
            """u8.ToArray(),
        ];

    public void Run(ReadOnlySpan<byte> input)
    {
        try
        {
            _ = ConfigurationReader.Read(Encoding.UTF8.GetString(input), "/etc/quorate/quorate.yaml");
        }
        catch (ConfigurationException e)
        {
            FuzzException.ThrowUnless(e.Errors.Count > 0, "refused without an error");
        }
    }
}
