using Quorate.Sources.Control;

namespace Quorate.Cli;

/// <summary>Exit statuses of every verb, so that scripts can branch on a decision.</summary>
static class ExitCode
{
    public const int Accepted = 0;
    public const int Ok = 0;

    /// <summary>Wrong usage, no node, an internal error.</summary>
    public const int Error = 1;
    public const int Rejected = 2;
    public const int Inconclusive = 3;
}

/// <summary>Something that the user can put right. Printed on standard error without a stack trace.</summary>
sealed class CliException(string message) : Exception(message);

/// <summary>What a verb touches of the outside world; tests give it other streams and another environment.</summary>
sealed record CliHost
{
    public required TextWriter Out { get; init; }

    public required TextWriter Error { get; init; }

    public required Func<string, string?> Variable { get; init; }

    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>Raw bytes of values go here.</summary>
    public Func<Stream> OpenOutput { get; init; } = () => Stream.Null;

    /// <summary>Standard output is a terminal: colours, and tables as wide as it is.</summary>
    public bool Interactive { get; init; }

    /// <summary>The terminal shows colours, and its user has not said that they are unwanted.</summary>
    public bool Colours => Interactive && Variable("NO_COLOR") is null or "" && Variable("TERM") is { Length: > 0 } and not "dumb";

    public static CliHost System() =>
        new()
        {
            Out = Console.Out,
            Error = Console.Error,
            Variable = Environment.GetEnvironmentVariable,
            OpenOutput = Console.OpenStandardOutput,
            Interactive = !Console.IsOutputRedirected,
        };

    public ControlClient Connect(string? node) => ControlClient.Connect(NodeAddress.Locate(node, Variable));
}
