"""Semantic types and their units: part of DTDL 2, the extension QuantitativeTypes 1 of DTDL 3.

Source: Azure/opendigitaltwins-dtdl, DTDL.v2.md and DTDL.quantitativeTypes.v1.md (CC-BY-4.0).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_UNITS_2 = """
AccelerationUnit centimetrePerSecondSquared gForce metrePerSecondSquared
AngleUnit degreeOfArc minuteOfArc radian secondOfArc turn
AngularAccelerationUnit radianPerSecondSquared
AngularVelocityUnit degreePerSecond radianPerSecond revolutionPerMinute revolutionPerSecond
AreaUnit acre hectare squareCentimetre squareFoot squareInch squareKilometre squareMetre squareMillimetre
CapacitanceUnit farad microfarad millifarad nanofarad picofarad
ChargeUnit coulomb
CurrentUnit ampere microampere milliampere
DataRateUnit bitPerSecond bytePerSecond exbibitPerSecond exbibytePerSecond gibibitPerSecond gibibytePerSecond
DataRateUnit kibibitPerSecond kibibytePerSecond mebibitPerSecond mebibytePerSecond tebibitPerSecond
DataRateUnit tebibytePerSecond yobibitPerSecond yobibytePerSecond zebibitPerSecond zebibytePerSecond
DataSizeUnit bit byte exbibit exbibyte gibibit gibibyte kibibit kibibyte mebibit mebibyte tebibit tebibyte
DataSizeUnit yobibit yobibyte zebibit zebibyte
DensityUnit gramPerCubicMetre kilogramPerCubicMetre
EnergyUnit electronvolt gigajoule joule kilojoule kilowattHour megaelectronvolt megajoule
ForceUnit newton ounce pound ton
FrequencyUnit gigahertz hertz kilohertz megahertz
IlluminanceUnit footcandle lux
InductanceUnit henry microhenry millihenry
LengthUnit astronomicalUnit centimetre foot inch kilometre metre micrometre mile millimetre nanometre
LengthUnit nauticalMile
LuminanceUnit candelaPerSquareMetre
LuminousFluxUnit lumen
LuminousIntensityUnit candela
MagneticFluxUnit maxwell weber
MagneticInductionUnit tesla
MassUnit gram kilogram microgram milligram slug tonne
MassFlowRateUnit gramPerHour gramPerSecond kilogramPerHour kilogramPerSecond
PowerUnit gigawatt horsepower kilowatt kilowattHourPerYear megawatt microwatt milliwatt watt
PressureUnit bar inchesOfMercury inchesOfWater kilopascal millibar millimetresOfMercury pascal
PressureUnit poundPerSquareInch
ResistanceUnit kiloohm megaohm milliohm ohm
SoundPressureUnit bel decibel
TemperatureUnit degreeCelsius degreeFahrenheit kelvin
TimeUnit day hour microsecond millisecond minute nanosecond second year
TorqueUnit newtonMetre
Unitless percent unity
VelocityUnit centimetrePerSecond kilometrePerHour kilometrePerSecond knot metrePerHour metrePerSecond
VelocityUnit milePerHour milePerSecond
VoltageUnit kilovolt megavolt microvolt millivolt volt
VolumeUnit cubicCentimetre cubicFoot cubicInch cubicMetre fluidOunce gallon litre millilitre
VolumeFlowRateUnit litrePerHour litrePerSecond millilitrePerHour millilitrePerSecond
"""

_UNITS_ADDED_IN_3 = """
ApparentEnergyUnit gigavoltAmpereHour kilovoltAmpereHour megavoltAmpereHour voltAmpereHour
ApparentPowerUnit gigavoltAmpere kilovoltAmpere megavoltAmpere millivoltAmpere voltAmpere
ChargeUnit ampereHour milliampereHour
CurrentUnit kiloampere
DensityUnit microgramPerCubicMetre milligramPerCubicMetre
EnergyUnit britishThermalUnit gigawattHour kiloBritishThermalUnit megawattHour milliwattHour terawattHour
EnergyUnit wattHour
FrequencyUnit millihertz
IonizingRadiationDoseUnit gray microgray microsievert milligray millisievert sievert
IrradianceUnit wattPerSquareMetre
MagneticInductionUnit gauss
MassUnit massPound
MassFlowRateUnit massPoundPerHour
PowerUnit britishThermalUnitPerHour gigajoulePerHour joulePerHour joulePerSecond
PowerUnit kiloBritishThermalUnitPerHour kilojoulePerHour kilojoulePerSecond megajoulePerHour
PowerUnit tonOfRefrigeration
PressureUnit decapascal hectopascal
RadioactivityUnit becquerel gigabecquerel kilobecquerel megabecquerel
ReactiveEnergyUnit gigavoltAmpereReactiveHour kilovoltAmpereReactiveHour megavoltAmpereReactiveHour
ReactiveEnergyUnit voltAmpereReactiveHour
ReactivePowerUnit gigavoltAmpereReactive kilovoltAmpereReactive megavoltAmpereReactive
ReactivePowerUnit millivoltAmpereReactive voltAmpereReactive
Unitless partsPerBillion partsPerMillion partsPerQuadrillion partsPerTrillion
VolumeFlowRateUnit cubicFootPerMinute cubicMetrePerHour cubicMetrePerMinute cubicMetrePerSecond gallonPerHour
VolumeFlowRateUnit gallonPerMinute litrePerMinute millilitrePerMinute
"""

# A semantic type is measured in the units of its own name, unless it is named here.
_MEASURED_IN = {
    "Concentration": "Unitless",
    "Distance": "LengthUnit",
    "ElectricCharge": "ChargeUnit",
    "EnergyRate": "PowerUnit",
    "Humidity": "DensityUnit",
    "Latitude": "AngleUnit",
    "Longitude": "AngleUnit",
    "Luminosity": "PowerUnit",
    "RelativeDensity": "Unitless",
    "RelativeHumidity": "Unitless",
    "Thrust": "ForceUnit",
    "TimeSpan": "TimeUnit",
}

_SEMANTIC_TYPES_2 = """
Acceleration Angle AngularAcceleration AngularVelocity Area Capacitance Current DataRate DataSize Density
Distance ElectricCharge Energy Force Frequency Humidity Illuminance Inductance Latitude Length Longitude
Luminance Luminosity LuminousFlux LuminousIntensity MagneticFlux MagneticInduction Mass MassFlowRate Power
Pressure RelativeHumidity Resistance SoundPressure Temperature Thrust TimeSpan Torque Velocity Voltage Volume
VolumeFlowRate
"""

_SEMANTIC_TYPES_ADDED_IN_3 = """
ApparentEnergy ApparentPower Concentration EnergyRate IonizingRadiationDose Irradiance Radioactivity
ReactiveEnergy ReactivePower RelativeDensity
"""

_PREFIXES = """
atto centi deci deka exa exbi femto gibi giga hecto kibi kilo mebi mega micro milli nano pebi peta pico tebi
tera yobi yocto yotta zebi zepto zetta
"""
PREFIXES = frozenset(_PREFIXES.split())


@dataclass(frozen=True, slots=True)
class Units:
    """*of_type* names the units by unit type, *semantic_types* the unit type by semantic type."""

    of_type: Mapping[str, tuple[str, ...]]
    semantic_types: Mapping[str, str]

    def terms(self) -> frozenset[str]:
        units = (unit for units in self.of_type.values() for unit in units)
        return frozenset((*self.of_type, *self.semantic_types, *units))


def _units(table: str, semantic_types: str) -> Units:
    of_type: dict[str, tuple[str, ...]] = {}
    for line in table.split("\n"):
        name, *units = line.split() or [""]
        if name:
            of_type[name] = (*of_type.get(name, ()), *units)
    measured = {name: _MEASURED_IN.get(name, f"{name}Unit") for name in semantic_types.split()}
    return Units(of_type, measured)


UNITS_OF_2 = _units(_UNITS_2, _SEMANTIC_TYPES_2)
UNITS_OF_3 = _units(_UNITS_2 + _UNITS_ADDED_IN_3, _SEMANTIC_TYPES_2 + _SEMANTIC_TYPES_ADDED_IN_3)
