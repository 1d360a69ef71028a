namespace Quorate.Trust.Engines;

/// <summary>Port to an interpreter that runs an operator's decider function outside this process.</summary>
public interface IScriptEngine
{
    /// <summary>Calls <paramref name="function"/> (source of one function expression) with the JSON document as its only argument.</summary>
    /// <param name="inputsJson">UTF-8 JSON that is ASCII throughout.</param>
    /// <returns>The text of what the function returned, unchecked, or why there is none. Throws only for cancellation.</returns>
    Task<ScriptResult> RunAsync(string function, ReadOnlyMemory<byte> inputsJson, ScriptLimits limits, CancellationToken cancellationToken);
}

/// <param name="WallClock">After this the interpreter is killed.</param>
/// <param name="CpuSeconds">Enforced by the kernel.</param>
/// <param name="AddressSpace">Bytes, enforced by the kernel.</param>
/// <param name="MaxOutput">Bytes of output after which the interpreter is killed.</param>
public sealed record ScriptLimits(TimeSpan WallClock, int CpuSeconds, long AddressSpace, int MaxOutput)
{
    public static ScriptLimits Default { get; } = new(TimeSpan.FromSeconds(2), 1, 64L << 20, 4096);
}

public enum ScriptFailure
{
    /// <summary>The interpreter, or the program that confines it, is not installed.</summary>
    NotInstalled,

    /// <summary>The function did not compile, threw, or ran out of memory or stack.</summary>
    Threw,

    TimedOut,

    TooMuchOutput,

    /// <summary>The interpreter ended well but did not print one line.</summary>
    NoResult,
}

public abstract record ScriptResult
{
    ScriptResult() { }

    /// <param name="Text"><c>String(result)</c></param>
    public sealed record Returned(string Text) : ScriptResult;

    /// <param name="Detail">One sentence; for <see cref="ScriptFailure.NotInstalled"/> it names the Debian package.</param>
    public sealed record Failed(ScriptFailure Failure, string Detail) : ScriptResult;
}
