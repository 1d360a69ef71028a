namespace Quorate.Core;

/// <summary>A foreign document is not in its canonical form. The message names the field or offset.</summary>
public class MalformedException : FormatException
{
    public MalformedException() { }

    public MalformedException(string message)
        : base(message) { }

    public MalformedException(string message, Exception inner)
        : base(message, inner) { }
}
