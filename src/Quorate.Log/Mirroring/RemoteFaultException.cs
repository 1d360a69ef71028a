namespace Quorate.Log.Mirroring;

/// <summary>Ends an attempt with one remote; becomes a <see cref="RemoteFault"/>.</summary>
sealed class RemoteFaultException(ILogSource remote, string code, string detail) : Exception(detail)
{
    internal RemoteFault Fault { get; } = new(remote.Remote, code, detail);
}
