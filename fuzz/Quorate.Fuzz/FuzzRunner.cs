namespace Quorate.Fuzz;

/// <summary>Runs one target over its seeds and mutations of them, until told to stop or until an input breaks it.</summary>
public static class FuzzRunner
{
    /// <summary>The first input that the target does not survive, with what it threw; null when all went well.</summary>
    /// <param name="goOn">Asked before each mutation, with the number of inputs so far.</param>
    public static FuzzFinding? Run(IFuzzTarget target, int randomSeed, Func<long, bool> goOn, out long inputs)
    {
        inputs = 0;
        foreach (var seed in target.Seeds)
        {
            inputs++;
            if (Try(target, seed) is { } finding)
            {
                return finding;
            }
        }
        var mutator = new Mutator(target.Seeds, randomSeed);
        while (goOn(inputs))
        {
            inputs++;
            if (Try(target, mutator.Next()) is { } finding)
            {
                return finding;
            }
        }
        return null;
    }

    static FuzzFinding? Try(IFuzzTarget target, byte[] input)
    {
        try
        {
            target.Run(input);
            return null;
        }
        catch (Exception fault)
        {
            // Not swallowed: whatever a target lets out is the finding.
            return new FuzzFinding(target.Name, input, fault);
        }
    }
}

/// <summary>An input that a target did not survive.</summary>
public sealed record FuzzFinding(string Target, byte[] Input, Exception Fault);
