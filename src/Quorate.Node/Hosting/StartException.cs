namespace Quorate.Node.Hosting;

/// <summary>The node cannot start (or take over a changed configuration), for a reason that its operator can mend.</summary>
public sealed class StartException : Exception
{
    public StartException(string message)
        : base(message) { }

    public StartException(string message, Exception inner)
        : base(message, inner) { }

    /// <summary>False when a reload failed half-way and the configuration before it could not be put back.</summary>
    public bool IsOldRestored { get; init; } = true;
}
