using System.CommandLine;
using System.Text;
using Quorate.Core;
using Quorate.Core.Encodings;
using Quorate.Nix;

namespace Quorate.Cli.Commands;

/// <summary>How people name a build input: a store path, anything inside or linking to one, or a protocol's key as text or hex.</summary>
sealed record InputKey(Protocol Protocol, byte[] Key, string Shown)
{
    public static Argument<string?> Argument() =>
        new("KEY") { Description = "Store path, a link to one such as ./result, or the protocol's key", Arity = ArgumentArity.ZeroOrOne };

    public static Option<string?> HexOption() => new("--key-hex") { Description = "The key in hex instead of KEY", HelpName = "HEX" };

    public static Option<string?> ProtocolOption() =>
        new("--protocol") { Description = "nix, test, or a protocol's UUID (default: nix for store paths)", HelpName = "NAME" };

    public static InputKey Resolve(string? key, string? hex, string? protocolName)
    {
        if (key is null == hex is null)
        {
            throw new CliException("name one build input: KEY or --key-hex");
        }
        if (protocolName is not null && !Protocol.TryFind(protocolName, out _))
        {
            throw new CliException($"unknown protocol '{protocolName}'; known: {string.Join(", ", Protocol.Known.Select(p => p.Name))}");
        }
        var protocol = protocolName is not null && Protocol.TryFind(protocolName, out var named) ? named : null;
        if (hex is not null)
        {
            return Hex.TryDecode(hex, 65_502, out var bytes)
                ? new InputKey(protocol ?? throw new CliException("--key-hex needs --protocol"), bytes, hex)
                : throw new CliException("--key-hex: not lowercase hexadecimal of at most 65502 bytes");
        }
        if ((protocol is null || protocol == Protocol.Nix) && StorePathArgument.Resolve(key!) is { } path)
        {
            return new InputKey(Protocol.Nix, NixKeyForms.FullKey(path), path.ToString());
        }
        if (protocol is null)
        {
            throw new CliException($"'{key}' is not in a Nix store; for other protocols say --protocol NAME");
        }
        return protocol == Protocol.Nix
            ? throw new CliException($"'{key}' is not a store path")
            : new InputKey(protocol, Encoding.UTF8.GetBytes(key!), key!);
    }
}
