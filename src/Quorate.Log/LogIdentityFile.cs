using System.Text;
using Quorate.Core;
using Quorate.Core.Files;
using Quorate.Crypto;

namespace Quorate.Log;

/// <summary>
/// The file <c>identity</c> in a log's folder: protocol and public key, so that the folder alone can be checked. Nothing depends on it while a log is open;
/// the log ID in every segment's header says whether it is right. A portable directory has no segments, and heads do not sign for the protocol: there the last
/// line shows a damaged one.
/// </summary>
static class LogIdentityFile
{
    internal const string FileName = "identity";

    const string Magic = "quorate-log 1";
    const int MaxBytes = 1024;

    /// <summary>Writes the file unless it is there as it should be.</summary>
    internal static void Ensure(string folder, LogIdentity identity)
    {
        var path = Path.Combine(folder, FileName);
        if (TryRead(folder)?.Id != identity.Id)
        {
            DurableFile.Replace(path, Encoding.UTF8.GetBytes(Format(identity)), DurableFile.Private);
        }
    }

    internal static string Format(LogIdentity identity) =>
        $"{Magic}\nprotocol {identity.Protocol.Id}\nkey {identity.Key}\nlog {identity.Id}\n";

    /// <summary>Null where there is no file, or none of ours.</summary>
    internal static LogIdentity? TryRead(string folder)
    {
        var path = Path.Combine(folder, FileName);
        if (!File.Exists(path))
        {
            return null;
        }
        using var file = File.OpenHandle(path);
        Span<byte> bytes = stackalloc byte[MaxBytes];
        return TryParse(bytes[..RandomAccess.Read(file, bytes, 0)]);
    }

    internal static LogIdentity? TryParse(ReadOnlySpan<byte> bytes)
    {
        var lines = Encoding.UTF8.GetString(bytes).Split('\n');
        return
            lines
                is [
                    Magic,
                    ['p', 'r', 'o', 't', 'o', 'c', 'o', 'l', ' ', .. var protocol],
                    ['k', 'e', 'y', ' ', .. var key],
                    ['l', 'o', 'g', ' ', .. var log],
                    "",
                ]
            && Guid.TryParseExact(protocol, "D", out var id)
            && id.ToString("D") == protocol
            && Ed25519PublicKey.TryParse(key, out var parsed)
            && new LogIdentity(Protocol.TryFind(protocol, out var known) ? known : new Protocol(protocol, protocol), parsed) is var identity
            && identity.Id.Text == log
            ? identity
            : null;
    }
}
