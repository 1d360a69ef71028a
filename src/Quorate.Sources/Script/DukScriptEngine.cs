using System.Diagnostics;
using System.Text;
using Quorate.Trust.Engines;

namespace Quorate.Sources.Script;

/// <summary>
/// Runs decider functions in Debian's <c>duk</c>, one process per call, confined by <c>prlimit</c> (CPU time, address space, no core, no
/// files written) and killed at the wall clock's limit. The function is the operator's and trusted; the inputs are foreign and reach the
/// interpreter only as a JSON document of ASCII characters. No shell is involved and the environment is empty.
/// </summary>
public sealed class DukScriptEngine(TimeProvider time, string interpreter = DukScriptEngine.Interpreter) : IScriptEngine
{
    public const string Interpreter = "/usr/bin/duk";

    const string Confiner = "/usr/bin/prlimit";
    const int MaxErrorText = 4096;

    // 128 + SIGXCPU and 128 + SIGKILL: what the kernel sends at the soft and the hard limit of CPU time.
    const int EndedBySigXCpu = 128 + 24;
    const int EndedBySigKill = 128 + 9;

    /// <summary>Both programs are there.</summary>
    public bool IsInstalled => File.Exists(interpreter) && File.Exists(Confiner);

    public async Task<ScriptResult> RunAsync(
        string function,
        ReadOnlyMemory<byte> inputsJson,
        ScriptLimits limits,
        CancellationToken cancellationToken
    )
    {
        if (Missing() is { } missing)
        {
            return missing;
        }
        using var process = new Process { StartInfo = StartInfo(limits) };
        try
        {
            process.Start();
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            return new ScriptResult.Failed(ScriptFailure.NotInstalled, $"the JavaScript interpreter does not start: {e.Message}");
        }
        using var clock = new CancellationTokenSource(limits.WallClock, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(clock.Token, cancellationToken);
        try
        {
            var output = ReadAsync(process.StandardOutput.BaseStream, limits.MaxOutput, either.Token);
            var errors = ReadAsync(process.StandardError.BaseStream, MaxErrorText, either.Token);
            await FeedAsync(process, Program(function, inputsJson.Span), either.Token);
            if (await output is not { } printed)
            {
                return new ScriptResult.Failed(ScriptFailure.TooMuchOutput, $"the function printed more than {limits.MaxOutput} bytes");
            }
            var complaint = await errors;
            await process.WaitForExitAsync(either.Token);
            return Judge(process.ExitCode, printed, complaint, limits);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return new ScriptResult.Failed(
                ScriptFailure.TimedOut,
                $"the function did not return within {limits.WallClock.TotalSeconds:0.###} s"
            );
        }
        finally
        {
            Kill(process);
        }
    }

    ScriptResult.Failed? Missing() =>
        !File.Exists(interpreter)
            ? new ScriptResult.Failed(
                ScriptFailure.NotInstalled,
                $"{interpreter} is missing; install Debian's package 'duktape' to use the javascript engine"
            )
        : !File.Exists(Confiner)
            ? new ScriptResult.Failed(
                ScriptFailure.NotInstalled,
                $"{Confiner} is missing; install Debian's package 'util-linux' to use the javascript engine"
            )
        : null;

    ProcessStartInfo StartInfo(ScriptLimits limits)
    {
        var start = new ProcessStartInfo(Confiner)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            WorkingDirectory = "/",
        };
        start.Environment.Clear();
        start.ArgumentList.Add($"--cpu={limits.CpuSeconds}");
        start.ArgumentList.Add($"--as={limits.AddressSpace}");
        start.ArgumentList.Add("--core=0");
        start.ArgumentList.Add("--fsize=0");
        start.ArgumentList.Add("--");
        start.ArgumentList.Add(interpreter);
        start.ArgumentList.Add("--run-stdin");
        return start;
    }

    /// <summary>
    /// As Trustix's goja calls it: the source in parentheses is an expression whose value is called with the inputs. The function's own
    /// <c>print</c> is silenced, so that the only line printed is the result; the line feed ends a comment on the source's last line.
    /// </summary>
    static byte[] Program(string function, ReadOnlySpan<byte> inputsJson)
    {
        var program = new StringBuilder(function.Length + inputsJson.Length + 200)
            .Append("(function(out){print=alert=function(){};console.log=print;var f=(")
            .Append(function)
            .Append("\n);out(String(f(")
            .Append(Encoding.ASCII.GetString(inputsJson))
            .Append(")));})(print);\n");
        return Encoding.UTF8.GetBytes(program.ToString());
    }

    static async Task FeedAsync(Process process, byte[] program, CancellationToken cancellationToken)
    {
        try
        {
            await process.StandardInput.BaseStream.WriteAsync(program, cancellationToken);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It ended before it read everything; its exit code and its complaint say why.
        }
    }

    /// <returns>Null when there is more than <paramref name="limit"/>.</returns>
    static async Task<string?> ReadAsync(Stream stream, int limit, CancellationToken cancellationToken)
    {
        var buffer = new byte[limit + 1];
        var length = 0;
        while (length < buffer.Length)
        {
            var read = await stream.ReadAsync(buffer.AsMemory(length), cancellationToken);
            if (read == 0)
            {
                return Encoding.UTF8.GetString(buffer, 0, length);
            }
            length += read;
        }
        return null;
    }

    static ScriptResult Judge(int exitCode, string printed, string? complaint, ScriptLimits limits)
    {
        if (exitCode is EndedBySigXCpu or EndedBySigKill)
        {
            return new ScriptResult.Failed(ScriptFailure.TimedOut, $"the function used more than {limits.CpuSeconds} s of CPU time");
        }
        if (exitCode != 0)
        {
            var first = complaint?.Split('\n', 2)[0].Trim();
            return new ScriptResult.Failed(
                ScriptFailure.Threw,
                string.IsNullOrEmpty(first)
                    ? $"the interpreter ended with code {exitCode} (out of its {limits.AddressSpace >> 20} MiB of memory?)"
                    : $"the function failed: {first}"
            );
        }
        return printed is [.. var text, '\n'] && !text.Contains('\n', StringComparison.Ordinal)
            ? new ScriptResult.Returned(text)
            : new ScriptResult.Failed(ScriptFailure.NoResult, "the function ended without one line of result");
    }

    static void Kill(Process process)
    {
        try
        {
            // prlimit replaces itself by the interpreter, which starts nothing: one process.
            process.Kill();
        }
        catch (InvalidOperationException)
        {
            // It has ended.
        }
    }
}
