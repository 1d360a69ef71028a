namespace Quorate.Fuzz;

/// <summary>A target's own complaint: something that must hold of an accepted input does not.</summary>
public sealed class FuzzException(string message) : Exception(message)
{
    public static void ThrowUnless(bool holds, string message)
    {
        if (!holds)
        {
            throw new FuzzException(message);
        }
    }
}
