using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Quorate.Core;
using Quorate.Crypto;
using Quorate.Crypto.Keys;
using Quorate.Node.Configuration;
using Quorate.Sources.Configuration;

namespace Quorate.Node.Hosting;

/// <summary>The command line of <c>quorated</c>, and the life of the process: start, signals, end.</summary>
static partial class NodeProgram
{
    const int Ok = 0;
    const int Failed = 1;

    /// <summary>A published log's storage failed (EX_IOERR of sysexits.h). A service manager starts the node again, which reads what the disk holds.</summary>
    const int StorageFailed = 74;

    public static async Task<int> RunAsync(IReadOnlyList<string> arguments, TextWriter output, TextWriter errors)
    {
        if (!NodeArguments.TryParse(arguments, out var options, out var error))
        {
            await errors.WriteLineAsync($"quorated: {error}");
            await errors.WriteLineAsync("Try 'quorated --help'.");
            return Failed;
        }
        if (options.Help)
        {
            await output.WriteAsync(NodeArguments.HelpText);
            return Ok;
        }
        if (options.Version)
        {
            await output.WriteLineAsync($"quorated {NodeVersion.Text}");
            return Ok;
        }
        NodeConfiguration configuration;
        try
        {
            configuration = Read(options.Configuration);
        }
        catch (NativeLibraryException e)
        {
            await errors.WriteLineAsync($"quorated: {e.Message}");
            return Failed;
        }
        catch (ConfigurationException e)
        {
            await errors.WriteLineAsync(e.Message);
            if (!File.Exists(options.Configuration))
            {
                await errors.WriteLineAsync("'quorate init' writes a commented configuration that runs; --config names another file.");
            }
            return Failed;
        }
        if (options.CheckConfiguration)
        {
            await output.WriteAsync(ConfigurationSummary.Write(configuration));
            return Ok;
        }
        return await ServeAsync(configuration, options.Configuration, errors);
    }

    static NodeConfiguration Read(string path) => ConfigurationReader.ReadFile(path, PublicKeyOf);

    static Ed25519PublicKey PublicKeyOf(SignerSection signer)
    {
        using var key = KeyFiles.ReadPrivate(signer.Path).Key;
        return key.PublicKey;
    }

    static async Task<int> ServeAsync(NodeConfiguration configuration, string path, TextWriter errors)
    {
        using var logging = NodeLogging.Create();
        var logger = logging.CreateLogger("Quorate.Node");
        using var stop = new CancellationTokenSource();
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        void Stop(PosixSignalContext signal)
        {
            // Our own end is orderly; the runtime's would not wait for it.
            signal.Cancel = true;
            stop.Cancel();
            stopped.TrySetResult();
        }
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        var notifier = SystemdNotifier.FromEnvironment();
        NodeHost node;
        try
        {
            node = await NodeHost.StartAsync(
                configuration,
                new NodeHostOptions
                {
                    Logging = logging,
                    ReadConfiguration = () => Read(path),
                    Inherited = InheritedSockets.FromEnvironment(),
                    Notifier = notifier,
                },
                stop.Token
            );
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return Ok;
        }
        catch (Exception e) when (Explain(e) is { } message)
        {
            await errors.WriteLineAsync($"quorated: {message}");
            return Failed;
        }
        using var hangUp = PosixSignalRegistration.Create(
            PosixSignal.SIGHUP,
            signal =>
            {
                signal.Cancel = true;
                _ = ReloadAsync(node, logger, stop.Token);
            }
        );
        using var watchdog = Watchdog(node, notifier);
        var exitCode = Ok;
        if (await Task.WhenAny(stopped.Task, node.Failed) == node.Failed)
        {
            exitCode = StorageFailed;
            await errors.WriteLineAsync(
                $"quorated: {await node.Failed}; the node stops, because only opening the log again tells what the disk holds"
            );
        }
        await node.DisposeAsync();
        return exitCode;
    }

    /// <summary>Refusals are logged where they are found; anything else ends here, at the edge of the signal.</summary>
    static async Task ReloadAsync(NodeHost node, ILogger logger, CancellationToken cancellationToken)
    {
        try
        {
            await node.ReloadAsync(cancellationToken);
        }
        catch (Exception e) when (e is ConfigurationException or StartException or OperationCanceledException or ObjectDisposedException)
        {
            return;
        }
        catch (Exception e)
        {
            ReloadFailed(logger, e);
        }
    }

    /// <summary>Tells the service manager that we live, as long as own logs still take entries.</summary>
    static Timer? Watchdog(NodeHost node, SystemdNotifier notifier) =>
        SystemdNotifier.WatchdogInterval() is { } interval
            ? new Timer(
                _ =>
                {
                    if (!node.Context.HasFailed)
                    {
                        notifier.Alive();
                    }
                },
                state: null,
                TimeSpan.Zero,
                interval
            )
            : null;

    /// <summary>A sentence for what the operator can mend; null for bugs, which keep their stack trace.</summary>
    static string? Explain(Exception e) =>
        e switch
        {
            StartException or ConfigurationException => e.Message,
            NativeLibraryException => e.Message,
            { InnerException: { } inner } => Explain(inner),
            _ => null,
        };

    [LoggerMessage(50, LogLevel.Error, "Reload failed")]
    static partial void ReloadFailed(ILogger logger, Exception exception);
}
