using System.CommandLine;
using System.Globalization;
using Quorate.Crypto;
using Quorate.Log;
using Quorate.Log.Checking;

namespace Quorate.Cli.Commands;

/// <summary>What commands over a log's folder share: whose log it is, where the folder does not say it.</summary>
static class LogFolderOptions
{
    public static Option<string?> Protocol() =>
        new("--protocol") { Description = "Of a folder that does not say it: nix, nix-trace, test, or a UUID", HelpName = "NAME" };

    public static Option<string?> Key() =>
        new("--key") { Description = "Of a folder that does not say it: the log's public key, 32 bytes in base64", HelpName = "BASE64" };

    public static LogIdentity? Identity(string? protocol, string? key)
    {
        if (protocol is null && key is null)
        {
            return null;
        }
        if (protocol is null || key is null)
        {
            throw new CliException("--protocol and --key belong together");
        }
        return Ed25519PublicKey.TryParse(key, out var parsed)
            ? new LogIdentity(FindProtocol(protocol), parsed)
            : throw new CliException("--key: not the base64 of 32 bytes");
    }

    /// <summary>A registered protocol by name or UUID.</summary>
    public static Core.Protocol FindProtocol(string protocol) =>
        Core.Protocol.TryFind(protocol, out var found)
            ? found
            : throw new CliException($"unknown protocol '{protocol}'; known: {string.Join(", ", Core.Protocol.Known.Select(p => p.Name))}");
}

/// <summary>Percent of the bytes checked, on standard error of a terminal.</summary>
sealed class CheckCounter(CliHost host) : IProgress<LogCheckProgress>
{
    long _shown = -1;

    public void Report(LogCheckProgress value)
    {
        var percent = value.TotalBytes == 0 ? 100 : value.Bytes * 100 / value.TotalBytes;
        if (host.Interactive && percent != _shown)
        {
            _shown = percent;
            host.Error.Write(string.Create(CultureInfo.InvariantCulture, $"\r{percent} %  {value.Entries} entries"));
        }
    }

    public void Done()
    {
        if (_shown >= 0)
        {
            host.Error.Write("\r\u001b[K");
        }
    }
}
