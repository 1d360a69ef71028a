using System.Text;
using Microsoft.Win32.SafeHandles;
using Quorate.Core.Encodings;
using Quorate.Log;

namespace Quorate.CrashWorker;

/// <summary>Lines on standard output, each written with one call: what is in the pipe survives the process.</summary>
sealed class Announcements : IDisposable
{
    readonly Lock _gate = new();
    readonly FileStream _output = new(new SafeFileHandle(1, ownsHandle: false), FileAccess.Write, bufferSize: 0);

    public void Head(string whose, LogHead head) =>
        Say($"{whose} {head.TreeSize} {head.LogRoot} {head.MapRoot} {head.MhTreeSize} {head.MhRoot} {Hex.Encode(head.Signature.Span)}\n");

    public void Entries(IEnumerable<string> entries) => Say($"entries {string.Join(' ', entries)}\n");

    public void Dispose() => _output.Dispose();

    void Say(string line)
    {
        lock (_gate)
        {
            _output.Write(Encoding.ASCII.GetBytes(line));
        }
    }
}
