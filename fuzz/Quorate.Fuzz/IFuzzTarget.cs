namespace Quorate.Fuzz;

/// <summary>A parser under test. Targets live in <c>Targets/</c> and are listed in <see cref="FuzzTargets"/>.</summary>
public interface IFuzzTarget
{
    /// <summary>Kebab-case; the command-line argument and the folder of found inputs.</summary>
    string Name { get; }

    /// <summary>Valid and nearly valid inputs that mutation starts from; at least one.</summary>
    IEnumerable<byte[]> Seeds { get; }

    /// <summary>
    /// Feeds the input to the parser and checks what must hold of what it accepts (a canonical form prints itself again). Catches the
    /// exceptions that the parser documents; whatever else comes out is a finding.
    /// </summary>
    void Run(ReadOnlySpan<byte> input);
}
