using System.Collections.ObjectModel;

namespace Quorate.Sources.Configuration;

/// <summary>One thing that is wrong with a configuration file.</summary>
/// <param name="File">As the user named it.</param>
/// <param name="Line">From 1; 0 when the file could not be read at all.</param>
/// <param name="Column">From 1; 0 when the file could not be read at all.</param>
/// <param name="Path">The place in the document: <c>publish[0].signer</c>; empty for the document itself.</param>
public sealed record ConfigurationError(string File, int Line, int Column, string Path, string Message)
{
    public override string ToString()
    {
        var place = Line > 0 ? $"{File}:{Line}:{Column}" : File;
        return Path.Length > 0 ? $"{place}: {Path}: {Message}" : $"{place}: {Message}";
    }
}

/// <summary>A configuration cannot be used. Holds everything that was found wrong, in the order of the file.</summary>
public sealed class ConfigurationException : Exception
{
    public ConfigurationException(IEnumerable<ConfigurationError> errors)
        : this(new ReadOnlyCollection<ConfigurationError>([.. errors])) { }

    ConfigurationException(ReadOnlyCollection<ConfigurationError> errors)
        : base(string.Join(Environment.NewLine, errors)) => Errors = errors;

    public IReadOnlyList<ConfigurationError> Errors { get; }
}
