namespace Quorate.Nix.Traces;

/// <summary>
/// Turns elements of trace objects into verified claims (specification §9.2): the signature must be that of a configured key, and what it
/// covers must be about exactly what was asked. An element that fails is left out and counted. Stateless but for the keys, so it may be
/// used by any number of threads.
/// </summary>
/// <param name="required">Where every claim must provably be logged; null asks for no proof.</param>
public sealed class TraceAdmission(TraceKeys keys, RequiredLog? required = null)
{
    public void Admit(TraceObject traces, TraceQuestion question, TraceFindings findings)
    {
        foreach (var element in traces.Elements)
        {
            Admit(element, question, findings);
        }
    }

    public void Admit(TraceElement element, TraceQuestion question, TraceFindings findings)
    {
        if (Check(element, question, out var claim) is { } refusal)
        {
            findings.Add(refusal);
        }
        else
        {
            findings.Add(claim!);
        }
    }

    /// <summary>Null, and a claim; or why there is none.</summary>
    internal TraceRefusal? Check(TraceElement element, TraceQuestion question, out TraceClaim? claim)
    {
        claim = null;
        if (element.Raw.Length > TraceObject.MaxElementBytes)
        {
            return new TraceRefusal(TraceFault.TooLarge, $"an element of {element.Raw.Length} bytes");
        }
        var refusal = element.IsJws
            ? JwsReader.Read(element.Raw, keys, out var reading)
            : BundleReader.Read(element.Raw, keys, out reading);
        if (refusal is not null)
        {
            return refusal;
        }
        if (!reading!.Input.Equals(question.Input))
        {
            return new TraceRefusal(TraceFault.OtherInput, $"signed for {reading.Input}, looked up as {question.Input}");
        }
        // A JWS of version 2 knows no other regime than content addressing.
        if (reading.Regime != question.Regime)
        {
            return new TraceRefusal(TraceFault.OtherRegime, $"signed as {reading.Regime}, not as {question.Regime}");
        }
        // The profiles hash a view differently: what one signs under the other's hash was made by neither.
        if (question.Regime == TraceRegime.SyntheticContentAddressed && (reading.Format == TraceFormat.Bundle) != (question.Own is null))
        {
            return new TraceRefusal(TraceFault.OtherRegime, $"a {reading.Format} under a hash of the other profile");
        }
        if (reading.HasCriticalFeatures)
        {
            return new TraceRefusal(TraceFault.CriticalFeature, "signed with critical features that are not known here");
        }
        refusal = Outputs(reading.Outputs, question, out var outputs) ?? required?.Check(element, reading.Signer);
        claim = refusal is null
            ? new TraceClaim(
                reading.Signer,
                reading.Regime,
                question.Input,
                outputs,
                reading.Built,
                [new TraceEvidence(reading.Format, element.Raw)]
            )
            : null;
        return refusal;
    }

    static TraceRefusal? Outputs(IReadOnlyList<TraceReading.OutputText> stated, TraceQuestion question, out TraceOutput[] outputs)
    {
        outputs = new TraceOutput[stated.Count];
        for (var i = 0; i < outputs.Length; i++)
        {
            var (name, text, hash) = stated[i];
            if (!question.OutputPathNames.TryGetValue(name, out var pathName))
            {
                return new TraceRefusal(TraceFault.UnknownOutput, $"the derivation has no output '{name}'");
            }
            // laut does not look at the name; Nix always gives it, so another one is a mistake or a trick.
            if (
                text is null
                || !StorePath.TryParse(text, question.StoreDir, out var path)
                || !path.BaseName.AsSpan(StorePath.HashPartLength + 1).SequenceEqual(pathName)
            )
            {
                return new TraceRefusal(TraceFault.UnusableOutput, $"output '{name}': not a path in {question.StoreDir} called {pathName}");
            }
            if (question.Own is { } own && own.GetValueOrDefault(name) is var named && named != path)
            {
                return new TraceRefusal(TraceFault.UnusableOutput, $"output '{name}': {path}, but the hash names {named}");
            }
            outputs[i] = new TraceOutput(name, path, hash);
        }
        Array.Sort(outputs, (left, right) => string.CompareOrdinal(left.Name, right.Name));
        return null;
    }
}
