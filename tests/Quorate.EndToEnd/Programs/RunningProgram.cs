using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Quorate.EndToEnd.Programs;

sealed record ProgramResult(int Code, string Output, string Errors)
{
    public string All => Output + Errors;

    public ProgramResult MustSucceed()
    {
        Assert.True(Code == 0, $"ended with code {Code}\n{All}");
        return this;
    }
}

/// <summary>A child process whose output is kept, and which never outlives its test.</summary>
sealed class RunningProgram : IAsyncDisposable
{
    /// <summary>Every wait is bounded; it is long only so that a busy machine does not fail a test.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    readonly Process _process;
    readonly StringBuilder _output = new();
    readonly StringBuilder _errors = new();

    RunningProgram(Process process)
    {
        _process = process;
        process.OutputDataReceived += (_, line) => Append(_output, line.Data);
        process.ErrorDataReceived += (_, line) => Append(_errors, line.Data);
    }

    public bool HasEnded => _process.HasExited;

    public string Output
    {
        get
        {
            lock (_output)
            {
                return _output.ToString();
            }
        }
    }

    public string Errors
    {
        get
        {
            lock (_errors)
            {
                return _errors.ToString();
            }
        }
    }

    public static RunningProgram Start(
        string program,
        IEnumerable<string> arguments,
        IReadOnlyDictionary<string, string?>? environment = null,
        string? folder = null
    )
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            WorkingDirectory = folder ?? "",
        };
        foreach (var (name, value) in environment ?? new Dictionary<string, string?>())
        {
            start.Environment[name] = value;
        }
        var running = new RunningProgram(new Process { StartInfo = start });
        running._process.Start();
        running._process.StandardInput.Close();
        running._process.BeginOutputReadLine();
        running._process.BeginErrorReadLine();
        return running;
    }

    public static async Task<ProgramResult> RunAsync(
        string program,
        IEnumerable<string> arguments,
        IReadOnlyDictionary<string, string?>? environment = null,
        string? folder = null,
        TimeSpan? patience = null
    )
    {
        await using var running = Start(program, arguments, environment, folder);
        var code = await running.EndAsync(patience);
        return new ProgramResult(code, running.Output, running.Errors);
    }

    /// <summary>Waits for the end and returns the exit code (128 + signal for a killed process).</summary>
    public async Task<int> EndAsync(TimeSpan? patience = null)
    {
        using var timeout = new CancellationTokenSource(patience ?? Patience);
        try
        {
            await _process.WaitForExitAsync(timeout.Token);
        }
        catch (OperationCanceledException)
        {
            Assert.Fail($"{_process.StartInfo.FileName} did not end\n{Output}{Errors}");
        }
        return _process.ExitCode;
    }

    /// <summary>SIGSTOP: the process does nothing from here on, but keeps its connections, and does not know that time goes by.</summary>
    public Task StopAsync() => SignalAsync("STOP");

    /// <summary>SIGCONT.</summary>
    public Task ContinueAsync() => SignalAsync("CONT");

    /// <summary>SIGHUP: our node reads its configuration again.</summary>
    public Task HangUpAsync() => SignalAsync("HUP");

    public int Id => _process.Id;

    /// <summary>SIGKILL: no handler runs, nothing is flushed.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await EndAsync();
    }

    /// <summary>SIGTERM, as systemd and a shell send it.</summary>
    public async Task<int> TerminateAsync()
    {
        await SignalAsync("TERM");
        return await EndAsync();
    }

    // The shell's own kill: a bare Debian has no program of that name.
    async Task SignalAsync(string signal) =>
        (await RunAsync("/bin/sh", ["-c", string.Create(CultureInfo.InvariantCulture, $"kill -{signal} {_process.Id}")])).MustSucceed();

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
        }
        _process.Dispose();
    }

    static void Append(StringBuilder text, string? line)
    {
        if (line is not null)
        {
            lock (text)
            {
                text.AppendLine(line);
            }
        }
    }
}
