using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace Quorate.Node.Hosting;

/// <summary>Where the log goes: JSON lines for a service manager, one line of text each for a person. Always to standard error.</summary>
static class NodeLogging
{
    public static ILoggerFactory Create()
    {
        // systemd sets $INVOCATION_ID for everything that it starts, and $JOURNAL_STREAM when the journal reads us.
        var isService =
            Environment.GetEnvironmentVariable("JOURNAL_STREAM") is not null
            || Environment.GetEnvironmentVariable("INVOCATION_ID") is not null;
        return LoggerFactory.Create(logging =>
        {
            logging.SetMinimumLevel(LogLevel.Information);
            // The frameworks below speak up for trouble only; Kestrel reports every refused request at Information.
            logging.AddFilter("Microsoft", LogLevel.Warning);
            logging.AddFilter("System", LogLevel.Warning);
            // Says nothing that RequestGuard does not say; as long as it could, every request gets an activity and a scope.
            logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None);
            logging.Configure(options => options.ActivityTrackingOptions = ActivityTrackingOptions.None);
            logging.AddConsole(options => options.LogToStandardErrorThreshold = LogLevel.Trace);
            if (isService)
            {
                logging.AddJsonConsole(options =>
                {
                    options.UseUtcTimestamp = true;
                    options.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ";
                });
            }
            else
            {
                logging.AddSimpleConsole(options =>
                {
                    options.SingleLine = true;
                    options.UseUtcTimestamp = true;
                    options.TimestampFormat = "HH:mm:ss ";
                    options.ColorBehavior = Console.IsErrorRedirected ? LoggerColorBehavior.Disabled : LoggerColorBehavior.Default;
                });
            }
        });
    }
}
