namespace Quorate.Core;

/// <summary>A native library is missing, too old, or fails its self-check. The message names the library and the Debian package that has it.</summary>
public sealed class NativeLibraryException : InvalidOperationException
{
    public NativeLibraryException(string library, string package, string fault)
        : base($"{library} {fault}; it is in the Debian package {package}")
    {
        Library = library;
        Package = package;
    }

    /// <summary>The file name that was asked for, such as <c>libsodium.so.23</c>.</summary>
    public string Library { get; }

    /// <summary>The Debian package, such as <c>libsodium23</c>.</summary>
    public string Package { get; }
}
